import socket
import threading

server = socket.create_server(("127.0.0.1", 0))


def serve():
    c, _ = server.accept()
    with c:
        c.sendall(b"hello " + c.recv(100))


t = threading.Thread(target=serve)
t.start()
with socket.create_connection(server.getsockname()) as s:
    s.sendall(b"client")
    print(s.recv(100))
t.join()
a, b = socket.socketpair()
a.send(b"pair")
print(b.recv(9), socket.getaddrinfo("localhost", 80, socket.AF_INET, socket.SOCK_STREAM)[0][4])
