<?php
// A WebSocket server on the functions that every PHP has: prints each message
// in base64, and sends it back.
//
// usage: php chat.php PORT

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

final class Client
{
    public bool $open = false;
    public string $input = '';
    public string $message = '';

    public function __construct(public readonly mixed $socket)
    {
    }

    public function receive(string $bytes): void
    {
        $this->input .= $bytes;

        if (!$this->open) {
            $end = strpos($this->input, "\r\n\r\n");
            if ($end === false) {
                return;
            }
            $this->handshake(substr($this->input, 0, $end));
            $this->input = substr($this->input, $end + 4);
        }

        while ($this->frame()) {
        }
    }

    private function handshake(string $head): void
    {
        preg_match('/^Sec-WebSocket-Key: *(\S+)/mi', $head, $match);
        $accept = base64_encode(sha1(($match[1] ?? '') . GUID, true));
        $this->write("HTTP/1.1 101 Switching Protocols\r\n"
            . "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            . "Sec-WebSocket-Accept: $accept\r\n\r\n");
        $this->open = true;
    }

    // Takes one frame off the input; says whether there was one.
    private function frame(): bool
    {
        if (strlen($this->input) < 2) {
            return false;
        }

        $length = ord($this->input[1]) & 0x7f;
        $head = match ($length) { 126 => 4, 127 => 10, default => 2 };
        if (strlen($this->input) < $head + 4) {
            return false;
        }
        if ($length === 126) {
            $length = unpack('n', $this->input, 2)[1];
        } elseif ($length === 127) {
            $length = unpack('J', $this->input, 2)[1];
        }
        if (strlen($this->input) < $head + 4 + $length) {
            return false;
        }

        $mask = substr($this->input, $head, 4);
        $payload = substr($this->input, $head + 4, $length)
            ^ substr(str_repeat($mask, intdiv($length, 4) + 1), 0, $length);
        $first = ord($this->input[0]);
        $this->input = substr($this->input, $head + 4 + $length);
        $this->handle($first & 0x0f, ($first & 0x80) !== 0, $payload);
        return $this->open;
    }

    private function handle(int $opcode, bool $fin, string $payload): void
    {
        switch ($opcode) {
            case 0:
            case 1:
            case 2:
                $this->message .= $payload;
                if ($fin) {
                    echo base64_encode($this->message), "\n";
                    $this->send(1, $this->message);
                    $this->message = '';
                }
                break;
            case 8:
                $this->send(8, $payload);
                $this->open = false;
                break;
            case 9:
                $this->send(10, $payload);
        }
    }

    private function send(int $opcode, string $payload): void
    {
        $length = strlen($payload);
        $this->write(chr(0x80 | $opcode) . match (true) {
            $length < 126 => chr($length),
            $length < 65536 => chr(126) . pack('n', $length),
            default => chr(127) . pack('J', $length),
        } . $payload);
    }

    private function write(string $bytes): void
    {
        while ($bytes !== '') {
            $count = @fwrite($this->socket, $bytes);
            if ($count === false || $count === 0) {
                return;
            }
            $bytes = substr($bytes, $count);
        }
    }
}

$server = stream_socket_server("tcp://127.0.0.1:$argv[1]");
$clients = [];

while (true) {
    $readable = [$server, ...array_map(fn ($c) => $c->socket, $clients)];
    $none = null;
    stream_select($readable, $none, $none, null);

    foreach ($readable as $socket) {
        if ($socket === $server) {
            $socket = stream_socket_accept($server);
            $clients[(int) $socket] = new Client($socket);
            continue;
        }

        $client = $clients[(int) $socket];
        $bytes = fread($socket, 65536);
        if ($bytes !== '' && $bytes !== false) {
            $client->receive($bytes);
        }
        if (feof($socket) || (!$client->open && $client->input === '')) {
            unset($clients[(int) $socket]);
            fclose($socket);
        }
    }
}
