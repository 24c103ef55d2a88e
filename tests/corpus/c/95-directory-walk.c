#define _XOPEN_SOURCE 700
#include <dirent.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>

static int files;
static int each(const char *p, const struct stat *st, int type, struct FTW *f)
{
	files += type == FTW_F;
	return 0;
}

int main(void)
{
	struct dirent **list;
	int n = scandir(".", &list, 0, alphasort);
	for (int i = 0; i < n; i++) puts(list[i]->d_name);
	nftw(".", each, 4, FTW_PHYS);
	glob_t g;
	int r = glob("d*/*.txt", 0, 0, &g);
	printf("%d %d %zu %s\n", files, r, g.gl_pathc, g.gl_pathv[0]);
}
