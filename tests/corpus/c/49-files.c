#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHOW(call) (errno = 0, printf("%s: %ld", #call, (long)(call)), puts(errno ? strerror(errno) : ""))

int main(void)
{
	struct stat st;
	char b[64] = "";
	FILE *f = fopen("out.txt", "w+");
	fputs("one\ntwo\n", f);
	fseek(f, 4, SEEK_SET);
	printf("%s", fgets(b, sizeof b, f));
	SHOW(ftell(f));
	fclose(f);
	SHOW(mkdir("dir", 0777));
	SHOW(rename("out.txt", "dir/out.txt"));
	SHOW(symlink("out.txt", "dir/link"));
	SHOW(link("dir/out.txt", "dir/hard"));
	SHOW(stat("dir/link", &st));
	printf("%ld %o %lu %o\n", (long)st.st_size, st.st_mode, (unsigned long)st.st_nlink, (unsigned)umask(0));
	SHOW(readlink("dir/link", b, sizeof b));
	SHOW(rmdir("dir"));
	int fd = open("sparse", O_RDWR | O_CREAT | O_EXCL, 0644);
	SHOW(ftruncate(fd, 1 << 20));
	SHOW(pwrite(fd, "x", 1, 1 << 20));
	SHOW(posix_fallocate(fd, 0, 100));
	SHOW(fsync(fd));
	SHOW(fstat(fd, &st));
	printf("%ld\n", (long)st.st_size);
	SHOW(mkfifo("fifo", 0600));
	SHOW(open("sparse", O_CREAT | O_EXCL, 0644));
	SHOW(open("nowhere/file", O_RDONLY));
	SHOW(chmod("sparse", 0));
	SHOW(open("sparse", O_RDONLY));
	SHOW(chdir(".."));
}
