import java.io.*;
import java.net.*;

public class Main {
	public static void main(String[] args) throws Exception {
		try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
			Thread t = new Thread(() -> {
				try (Socket c = server.accept()) {
					c.getOutputStream().write(("hello " + new BufferedReader(new InputStreamReader(c.getInputStream())).readLine()).getBytes());
				} catch (IOException e) { throw new UncheckedIOException(e); }
			});
			t.start();
			try (Socket s = new Socket(server.getInetAddress(), server.getLocalPort())) {
				s.getOutputStream().write("client\n".getBytes());
				System.out.println(new String(s.getInputStream().readAllBytes()));
			}
			t.join();
		}
	}
}
