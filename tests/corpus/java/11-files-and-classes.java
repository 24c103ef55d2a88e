import java.io.*;
import java.nio.file.*;

public class Main {
	public static void main(String[] args) throws Exception {
		System.out.println(Helper.twice(21));
		Path p = Files.createDirectories(Path.of("sub/dir")).resolve("f");
		Files.writeString(p, "one\ntwo\n");
		System.out.println(Files.readAllLines(p) + " " + Files.size(p) + " " + System.getProperty("user.dir") + " " + System.getProperty("java.io.tmpdir"));
		Process child = new ProcessBuilder("sh", "-c", "cat; exit 3").redirectErrorStream(true).start();
		try (OutputStream o = child.getOutputStream()) { o.write("through cat\n".getBytes()); }
		System.out.println(new String(child.getInputStream().readAllBytes()) + child.waitFor());
		new FileReader("missing");
	}
}
