# Action Cable without the rest of Rails: prints what it hears as JSON strings,
# and sends it back.

require "action_cable"
require "json"
require "logger"

module ApplicationCable
  class Connection < ActionCable::Connection::Base
  end
end

class ChatChannel < ActionCable::Channel::Base
  def subscribed
    stream_from "chat"
  end

  def speak(data)
    $stdout.puts JSON.generate(data["text"])
    $stdout.flush
    ActionCable.server.broadcast "chat", { text: data["text"] }
  end
end

ActionCable.server.config.tap do |config|
  config.cable = { "adapter" => "async" }
  config.logger = Logger.new($stderr, level: Logger::WARN)
  config.log_tags = []
  config.connection_class = -> { ApplicationCable::Connection }
  config.disable_request_forgery_protection = true
  config.worker_pool_size = 1
end

map("/cable") { run ActionCable.server }
