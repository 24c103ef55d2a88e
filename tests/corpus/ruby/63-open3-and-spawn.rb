require "open3"
out, err, status = Open3.capture3("cat; echo problem >&2; exit 3", stdin_data: "given")
p out, err, status.exitstatus
pid = spawn({ "NAME" => "value" }, "echo $NAME; pwd", out: "spawned.txt", chdir: "/", err: :close)
Process.wait pid
p File.read("spawned.txt")
exec "echo", "replaced", "by exec"
