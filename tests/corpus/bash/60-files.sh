mkdir -p sub/dir
echo text >sub/dir/f
ln -s dir/f sub/link
cat sub/link
chmod 640 sub/dir/f
stat -c '%A %s' sub/dir/f
mv sub/dir/f moved
[ -L sub/link ] && [ ! -e sub/link ] && echo dangling
rmdir sub/dir
rm -r sub
ls
