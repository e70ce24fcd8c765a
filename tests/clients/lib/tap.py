"""A relay between a client and Bursar that counts the requests that pass: a retry is seen by it, whoever makes it."""

import re
import socket
import threading

HEAD = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE) (/[^ \r\n]*) HTTP/1\.1\r\n")
LONGEST_HEAD = 4096


class Tap:
    """Listens on a free port of loopback and relays to `port`. Speaks for HTTP/1.1 clients only."""

    def __init__(self, port):
        self.to = ("127.0.0.1", port)
        self.targets = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def take(self):
        """The targets of the requests since the last time."""
        with self.lock:
            taken, self.targets = self.targets, []
        return taken

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.to)
            except OSError:
                client.close()
                continue
            for source, sink, watch in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._relay, args=(source, sink, watch), daemon=True).start()

    def _relay(self, source, sink, watch):
        seen = b""
        try:
            while data := source.recv(65536):
                if watch:
                    seen = self._count(seen + data)
                sink.sendall(data)
        except OSError:
            pass
        finally:
            # A client that leaves must be seen to leave: both directions end together.
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _count(self, seen):
        """Counts the request lines in `seen`; what is left may hold the beginning of the next."""
        end = 0
        for match in HEAD.finditer(seen):
            with self.lock:
                self.targets.append(match.group(1).decode("latin-1"))
            end = match.end()
        return seen[max(end, len(seen) - LONGEST_HEAD) :]
