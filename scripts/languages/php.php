<?php
// PHP, over stream_socket_client(): Debian has no WebSocket client for PHP.
// The contract of all clients is in README.md.

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PONG = 10;


function fail(string $why): never
{
    fwrite(STDERR, "$why\n");
    exit(1);
}


function show(string $kind, string $data): void
{
    echo "$kind ", strlen($data), ' ', hash('sha256', $data), "\n";
}


function connect(string $url)
{
    $u = parse_url($url);
    $scheme = $u['scheme'] === 'wss' ? 'ssl' : 'tcp';
    $socket = stream_socket_client("$scheme://$u[host]:$u[port]", $errno,
                                   $error, 60);
    $socket || fail("connect: $error");
    stream_set_timeout($socket, 60);

    $key = base64_encode(random_bytes(16));
    write($socket, "GET " . ($u['path'] ?? '/') . " HTTP/1.1\r\n"
                   . "Host: $u[host]:$u[port]\r\n"
                   . "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                   . "Sec-WebSocket-Version: 13\r\n"
                   . "Sec-WebSocket-Key: $key\r\n"
                   . "Sec-WebSocket-Protocol: chat, echo\r\n\r\n");

    $status = trim(fgets($socket));
    str_starts_with($status, 'HTTP/1.1 101 ') || fail($status);
    $headers = [];
    while (($line = trim(fgets($socket))) !== '') {
        [$name, $value] = explode(':', $line, 2);
        $headers[strtolower($name)] = trim($value);
    }

    $accept = base64_encode(sha1($key . '258EAFA5-E914-47DA-95CA-C5AB0DC85B11',
                                 true));
    $headers['sec-websocket-accept'] === $accept || fail('wrong accept');
    echo 'open ', $headers['sec-websocket-protocol'] ?? '-', ' ',
         $headers['sec-websocket-extensions'] ?? '-', "\n";

    return $socket;
}


function write($socket, string $bytes): void
{
    for ($n = 0; $n < strlen($bytes); $n += $written) {
        $written = fwrite($socket, substr($bytes, $n));
        $written || fail('write failed');
    }
}


function read($socket, int $size): string
{
    $data = $size ? stream_get_contents($socket, $size) : '';
    strlen($data) === $size || fail('connection ended within a frame');

    return $data;
}


function send_frame($socket, int $opcode, string $data, bool $fin = true): void
{
    $size = strlen($data);
    $head = chr($fin << 7 | $opcode);
    $head .= match (true) {
        $size < 126 => chr(128 | $size),
        $size < 65536 => chr(128 | 126) . pack('n', $size),
        default => chr(128 | 127) . pack('J', $size),
    };
    $mask = random_bytes(4);
    $pad = substr(str_repeat($mask, intdiv($size, 4) + 1), 0, $size);
    write($socket, $head . $mask . ($data ^ $pad));
}


// One message or control frame: opcode and data.
function receive($socket): array
{
    for ($message = '';; ) {
        [$first, $second] = array_values(unpack('C2', read($socket, 2)));
        $size = $second & 127;
        if ($size === 126) {
            $size = unpack('n', read($socket, 2))[1];
        } elseif ($size === 127) {
            $size = unpack('J', read($socket, 8))[1];
        }
        $data = read($socket, $size);

        if ($first & 8) {
            return [$first & 15, $data];
        }

        $opcode = $first & 15 ?: $opcode;
        $message .= $data;
        if ($first & 128) {
            return [$opcode, $message];
        }
    }
}


[, $url, $file] = $argv;
echo 'client PHP ', PHP_VERSION, " stream_socket_client\n";
$socket = connect($url);

foreach (file($file, FILE_IGNORE_NEW_LINES) as $line) {
    $rest = explode(' ', $line);
    $op = array_shift($rest);
    $data = array_map('base64_decode', $rest);

    match ($op) {
        'text' => send_frame($socket, TEXT, $data[0]),
        'binary' => send_frame($socket, BINARY, $data[0]),
        'ping' => send_frame($socket, 9, $data[0]),
        'close' => send_frame($socket, CLOSE, pack('n', $rest[0]) . $data[1]),
        'fragments' => array_walk($data, fn($part, $i) =>
            send_frame($socket, $i ? 0 : TEXT, $part, $i === count($data) - 1)),
    };

    [$opcode, $answer] = receive($socket);
    if ($opcode === CLOSE) {
        echo 'close ', unpack('n', $answer)[1] ?? 1005, ' ',
             substr($answer, 2), "\n";
        break;
    }
    show([TEXT => 'text', BINARY => 'binary', PONG => 'pong'][$opcode], $answer);
}
