process.stdout.write("busy\n");
for (;;);
