# Ruby, faye-websocket.  The contract of all clients is in README.md.

require 'base64'
require 'digest'
require 'eventmachine'
require 'faye/websocket'

def show(kind, data)
  puts "#{kind} #{data.bytesize} #{Digest::SHA256.hexdigest(data)}"
end

def text(base64)
  Base64.decode64(base64).force_encoding('UTF-8')
end

$stdout.sync = true
url, file = ARGV
lines = File.readlines(file, chomp: true).map { |line| line.split(/ /, -1) }
puts "client Ruby #{RUBY_VERSION} faye-websocket " \
     "#{Gem::Specification.find_by_name('faye-websocket').version}"

EM.run do
  socket = Faye::WebSocket::Client.new(url, %w[chat echo])

  step = lambda do
    op, *rest = lines.shift
    case op
    when 'text' then socket.send(text(rest[0]))
    when 'binary' then socket.send(Base64.decode64(rest[0]).bytes)
    when 'ping'
      data = Base64.decode64(rest[0])
      socket.ping(data) do
        show('pong', data)
        step.call
      end
    when 'close' then socket.close(rest[0].to_i, text(rest[1]))
    else
      puts "unsupported #{op}"
      step.call
    end
  end

  socket.on(:open) do
    protocol = socket.protocol.to_s
    puts "open #{protocol.empty? ? '-' : protocol} -"
    step.call
  end
  socket.on(:message) do |event|
    if event.data.is_a?(String)
      show('text', event.data)
    else
      show('binary', event.data.pack('C*'))
    end
    step.call
  end
  socket.on(:error) { |event| warn event.message }
  socket.on(:close) do |event|
    puts "close #{event.code} #{event.reason}"
    EM.stop
  end
end
