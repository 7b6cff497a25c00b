"""A name server on loopback that answers from a table, over UDP and, what is too long for that, TCP."""

import ipaddress
import socket
import struct
import threading

A, CNAME, AAAA = 1, 5, 28
UDP_MAX = 1232


class Alias(str):
    """Another name, in place of addresses."""


SILENCE = b""  # no answer; other bytes are sent as they are, behind the question's number


class Names:
    """table: name → list of answers, one for each question of a type (the last for all that follow);
    an answer is a list of addresses and aliases, or bytes. Unknown names do not exist."""

    def __init__(self, table, ttl_s=0):
        self._ttl_s = ttl_s
        self._table = {name: [parse_answer(a) for a in answers] for name, answers in table.items()}
        self._asked = {}
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(self._tcp.getsockname())
        self.server = "127.0.0.1:%d" % self._udp.getsockname()[1]
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def asked(self, name):
        """How many questions about a name have come."""
        return sum(n for (asked, _), n in self._asked.items() if asked == name)

    def stop(self):
        self._udp.close()
        self._tcp.close()

    def _serve_udp(self):
        while True:
            try:
                question, peer = self._udp.recvfrom(4096)
                answer = self._answer(question)
                if len(answer) > UDP_MAX:
                    end = parse_question(question)[2]
                    answer = question[:2] + struct.pack(">HHHHH", 0x8780, 1, 0, 0, 0) + question[12:end]
                if answer:
                    self._udp.sendto(answer, peer)
            except OSError:
                return

    def _serve_tcp(self):
        while True:
            try:
                connection = self._tcp.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve_stream, args=(connection,), daemon=True).start()

    def _serve_stream(self, connection):
        with connection, connection.makefile("rb") as stream:
            while len(size := stream.read(2)) == 2:
                answer = self._answer(stream.read(int.from_bytes(size, "big")))
                connection.sendall(len(answer).to_bytes(2, "big") + answer)

    def _answer(self, question):
        name, kind, end = parse_question(question)
        turn = self._asked.get((name, kind), 0)
        self._asked[name, kind] = turn + 1
        answers = self._table.get(name)
        found = answers[min(turn, len(answers) - 1)] if answers else []
        if isinstance(found, bytes):
            return question[:2] + found if found else SILENCE
        records = [record for record in (self._record(kind, one) for one in found) if record]
        flags = 0x8580 if answers else 0x8583  # a name that is not in the table does not exist
        head = question[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
        return head + question[12:end] + b"".join(records)

    def _record(self, kind, one):
        """About the name of the question, or None when it is not of that kind."""
        if isinstance(one, Alias):
            of_kind, data = CNAME, packed_name(one)
        else:
            of_kind, data = {4: A, 6: AAAA}[one.version], one.packed
        if of_kind not in (kind, CNAME):
            return None
        return struct.pack(">HHHIH", 0xC00C, of_kind, 1, self._ttl_s, len(data)) + data


def parse_answer(answer):
    if isinstance(answer, bytes):
        return answer
    return [one if isinstance(one, Alias) else ipaddress.ip_address(one) for one in answer]


def packed_name(name):
    labels = [label.encode() for label in name.split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def parse_question(packet):
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("ascii", "replace").lower())
        at += packet[at] + 1
    kind, _ = struct.unpack_from(">HH", packet, at + 1)
    return ".".join(labels), kind, at + 5
