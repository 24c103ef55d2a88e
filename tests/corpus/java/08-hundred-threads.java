import java.util.concurrent.*;
import java.util.concurrent.atomic.*;

public class Main {
	public static void main(String[] args) throws Exception {
		CyclicBarrier all = new CyclicBarrier(100);
		AtomicLong sum = new AtomicLong();
		Thread[] threads = new Thread[100];
		for (int i = 0; i < threads.length; i++) {
			int n = i;
			threads[i] = new Thread(() -> { try { all.await(); sum.addAndGet(n); } catch (Exception e) { throw new RuntimeException(e); } });
			threads[i].start();
		}
		for (Thread t : threads) t.join();
		System.out.println(sum);
		ExecutorService pool = Executors.newFixedThreadPool(4);
		System.out.println(pool.submit(() -> 6 * 7).get() + " " + CompletableFuture.supplyAsync(() -> "async").get());
		pool.shutdown();
	}
}
