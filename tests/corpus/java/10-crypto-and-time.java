import java.nio.charset.StandardCharsets;
import java.security.*;
import java.time.*;
import java.util.*;
import javax.crypto.*;
import javax.crypto.spec.*;

public class Main {
	public static void main(String[] args) throws Exception {
		System.out.println(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest("x".getBytes(StandardCharsets.UTF_8))));
		Cipher c = Cipher.getInstance("AES/CBC/PKCS5Padding");
		c.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(new byte[32], "AES"), new IvParameterSpec(new byte[16]));
		System.out.println(Base64.getEncoder().encodeToString(c.doFinal("secret".getBytes(StandardCharsets.UTF_8))));
		System.out.println(new SecureRandom().nextInt(1) + " " + UUID.nameUUIDFromBytes(new byte[1]) + " " + new Random(42).nextInt(100));
		System.out.println(Instant.EPOCH.atZone(ZoneId.systemDefault()) + " " + LocalDate.of(2024, 1, 31).plusMonths(1));
	}
}
