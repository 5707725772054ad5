// Java, java.net.http.WebSocket.  The contract of all clients is in README.md.

import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.HexFormat;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

public class Client implements WebSocket.Listener {

    private final LinkedBlockingQueue<String> events = new LinkedBlockingQueue<>();
    private final StringBuilder text = new StringBuilder();
    private final ByteArrayOutputStream binary = new ByteArrayOutputStream();

    private static String line(String kind, byte[] data) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(data);
            return kind + " " + data.length + " " + HexFormat.of().formatHex(hash);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private static byte[] bytes(ByteBuffer buffer) {
        byte[] data = new byte[buffer.remaining()];
        buffer.get(data);
        return data;
    }

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
        text.append(data);
        if (last) {
            events.add(line("text", text.toString().getBytes(StandardCharsets.UTF_8)));
            text.setLength(0);
        }
        socket.request(1);
        return null;
    }

    @Override
    public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
        binary.writeBytes(bytes(data));
        if (last) {
            events.add(line("binary", binary.toByteArray()));
            binary.reset();
        }
        socket.request(1);
        return null;
    }

    @Override
    public CompletionStage<?> onPong(WebSocket socket, ByteBuffer data) {
        events.add(line("pong", bytes(data)));
        socket.request(1);
        return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
        events.add("close " + code + " " + reason);
        return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
        events.add("error " + error);
    }

    private static String text(String base64) {
        return new String(Base64.getDecoder().decode(base64), StandardCharsets.UTF_8);
    }

    private static void send(WebSocket socket, String[] line) {
        switch (line[0]) {
        case "text", "fragments":
            for (int i = 1; i < line.length; i++) {
                socket.sendText(text(line[i]), i == line.length - 1).join();
            }
            break;
        case "binary":
            socket.sendBinary(ByteBuffer.wrap(Base64.getDecoder().decode(line[1])), true).join();
            break;
        case "ping":
            socket.sendPing(ByteBuffer.wrap(Base64.getDecoder().decode(line[1]))).join();
            break;
        case "close":
            socket.sendClose(Integer.parseInt(line[1]), text(line[2])).join();
            break;
        }
    }

    public static void main(String[] args) throws Exception {
        System.out.println("client Java " + Runtime.version() + " java.net.http");

        Client client = new Client();
        WebSocket socket = HttpClient.newHttpClient().newWebSocketBuilder()
            .subprotocols("chat", "echo").buildAsync(URI.create(args[0]), client).join();
        String protocol = socket.getSubprotocol();
        System.out.println("open " + (protocol.isEmpty() ? "-" : protocol) + " -");

        for (String line : Files.readAllLines(Path.of(args[1]))) {
            send(socket, line.split(" ", -1));

            String event = client.events.poll(60, TimeUnit.SECONDS);
            System.out.println(event);
            if (event == null || event.startsWith("error")) {
                System.exit(1);
            }
            if (event.startsWith("close")) {
                break;
            }
        }
        socket.abort();
        System.exit(0);
    }
}
