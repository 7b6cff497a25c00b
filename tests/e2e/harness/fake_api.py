"""A server whose every answer is scripted: for clients that must survive any server."""

import http.server
import json
import threading
import urllib.parse


class Answer:
    """body: bytes as they are, text, or something to encode as JSON. claim: a Content-Length to lie
    with. drop: close the connection instead of answering."""

    def __init__(self, status=200, body=b"", headers=(), claim=None, drop=False):
        if isinstance(body, str):
            body = body.encode()
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status, self.headers, self.claim, self.drop = status, dict(headers), claim, drop


class Request:
    def __init__(self, handler, body):
        url = urllib.parse.urlsplit(handler.path)
        self.method, self.path, self.raw_path = handler.command, url.path, handler.path
        self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)


class FakeApi:
    """answers: for each request the next one, the last for ever. Or a function of the request."""

    def __init__(self):
        self.answers, self.requests = [Answer(404, {"code": "not_found", "detail": "no"})], []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def script(self, *answers):
        """Answer objects, or bodies of a 200."""
        self.answers = [a if isinstance(a, Answer) or callable(a) else Answer(200, a) for a in answers]
        self.requests.clear()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def _next(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(request) if callable(answer) else answer

    def _handler(fake):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length", 0))
                answer = fake._next(Request(self, self.rfile.read(length)))
                if answer.drop:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.status != 204:
                    claim = len(answer.body) if answer.claim is None else answer.claim
                    self.send_header("Content-Length", str(claim))
                self.end_headers()
                try:
                    self.wfile.write(answer.body)
                except OSError:
                    pass  # the client had enough
                if answer.claim is not None:
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *_):
                pass

        return Handler
