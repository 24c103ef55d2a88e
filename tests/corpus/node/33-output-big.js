// Just below the default limit of 1 MiB on stdout.
const line = "x".repeat(1023) + "\n";
for (let i = 0; i < 1023; i++) process.stdout.write(line);
process.stdout.write("end\n");
