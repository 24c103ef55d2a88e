# SPDX-License-Identifier: MIT
"""Raw HTTP over a socket: what a test needs to send exactly these bytes and to read exactly one answer."""
import socket


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return "Answer(%d, %r, %r)" % (self.status, self.headers, self.body[:80])


class Wire:
    """A connection. Reads fail the test after `patience` seconds: nothing here asserts how long something took."""

    def __init__(self, port, patience=60, host="127.0.0.1"):
        self.sock = socket.create_connection((host, port), timeout=patience)
        self.buf = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Close so that the other side sees a reset instead of an end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.sock.close()

    def _fill(self):
        got = self.sock.recv(65536)
        if not got:
            raise EOFError("closed after %r" % self.buf[:200])
        self.buf += got

    def answer(self, head=False):
        """The next answer, interim ones (1xx) included. head: it has no body whatever its length says."""
        while b"\r\n\r\n" not in self.buf:
            self._fill()
        top, self.buf = self.buf.split(b"\r\n\r\n", 1)
        lines = top.decode("latin-1").split("\r\n")
        version, status, _ = lines[0].split(" ", 2)
        assert version == "HTTP/1.1"
        headers = {}
        for line in lines[1:]:
            name, value = line.split(": ", 1)
            assert name.lower() not in headers, "header %s is there twice" % name
            headers[name.lower()] = value
        length = 0 if head or int(status) < 200 or int(status) in (204, 304) else int(headers["content-length"])
        while len(self.buf) < length:
            self._fill()
        body, self.buf = self.buf[:length], self.buf[length:]
        return Answer(int(status), headers, body)

    def rest(self):
        """Everything until the other side closes (an end or a reset)."""
        try:
            while True:
                self._fill()
        except (EOFError, ConnectionResetError, BrokenPipeError):
            return self.buf

    def closed(self):
        return self.rest() == b""

    def alive(self, path=b"/"):
        """The connection takes another request."""
        self.send(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return self.answer().status == 200
