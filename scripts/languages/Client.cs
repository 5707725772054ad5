// .NET, System.Net.WebSockets.  The contract of all clients is in README.md.

using System;
using System.IO;
using System.Net.WebSockets;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

static class Client
{
    static void Show(string kind, byte[] data)
    {
        using (var sha = SHA256.Create())
        {
            var hash = BitConverter.ToString(sha.ComputeHash(data)).Replace("-", "").ToLowerInvariant();
            Console.WriteLine("{0} {1} {2}", kind, data.Length, hash);
        }
    }

    static Task Send(ClientWebSocket socket, string data, WebSocketMessageType type, bool last)
    {
        return socket.SendAsync(new ArraySegment<byte>(Convert.FromBase64String(data)), type, last,
            CancellationToken.None);
    }

    // False when it was a Close.
    static async Task<bool> Receive(ClientWebSocket socket)
    {
        var message = new MemoryStream();
        var buffer = new byte[16384];

        for ( ;; )
        {
            var part = await socket.ReceiveAsync(new ArraySegment<byte>(buffer), CancellationToken.None);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                return false;
            }

            message.Write(buffer, 0, part.Count);
            if (part.EndOfMessage)
            {
                Show(part.MessageType == WebSocketMessageType.Text ? "text" : "binary", message.ToArray());
                return true;
            }
        }
    }

    static async Task Converse(ClientWebSocket socket, string[] lines)
    {
        foreach (var line in lines)
        {
            var f = line.Split(' ');

            switch (f[0])
            {
            case "text":
            case "fragments":
                for (var i = 1; i < f.Length; i++)
                {
                    await Send(socket, f[i], WebSocketMessageType.Text, i == f.Length - 1);
                }
                break;

            case "binary":
                await Send(socket, f[1], WebSocketMessageType.Binary, true);
                break;

            case "close":
                await socket.CloseAsync((WebSocketCloseStatus) int.Parse(f[1]),
                    Encoding.UTF8.GetString(Convert.FromBase64String(f[2])), CancellationToken.None);
                return;

            default:
                Console.WriteLine("unsupported {0}", f[0]);
                continue;
            }

            if (!await Receive(socket))
            {
                return;
            }
        }
    }

    // Mono has its own name only where it is private.
    static string Runtime()
    {
        var mono = Type.GetType("Mono.Runtime");
        var name = mono?.GetMethod("GetDisplayName", BindingFlags.NonPublic | BindingFlags.Static);

        return name != null ? "Mono " + name.Invoke(null, null) : ".NET " + Environment.Version;
    }

    static async Task Run(string url, string file)
    {
        Console.WriteLine("client {0} System.Net.WebSockets", Runtime());

        using (var socket = new ClientWebSocket())
        {
            socket.Options.AddSubProtocol("chat");
            socket.Options.AddSubProtocol("echo");
            await socket.ConnectAsync(new Uri(url), CancellationToken.None);
            Console.WriteLine("open {0} -", string.IsNullOrEmpty(socket.SubProtocol) ? "-" : socket.SubProtocol);

            await Converse(socket, File.ReadAllLines(file));
            Console.WriteLine("close {0} {1}", (int?) socket.CloseStatus, socket.CloseStatusDescription);
        }
    }

    static void Main(string[] args)
    {
        Run(args[0], args[1]).GetAwaiter().GetResult();
    }
}
