"""A name server on loopback that answers from a table, over UDP."""

import ipaddress
import socket
import struct
import threading

A, AAAA = 1, 28


class Names:
    """table: name → list of answers, one for each question of a type (the last for all that follow);
    an answer is a list of addresses. Unknown names do not exist."""

    def __init__(self, table, ttl_s=0):
        self._ttl_s = ttl_s
        self._table = {name: [list(map(ipaddress.ip_address, a)) for a in answers]
                       for name, answers in table.items()}
        self._asked = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.server = "127.0.0.1:%d" % self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def asked(self, name):
        """How many questions about a name have come."""
        return sum(n for (asked, _), n in self._asked.items() if asked == name)

    def stop(self):
        self._socket.close()

    def _serve(self):
        while True:
            try:
                question, peer = self._socket.recvfrom(4096)
                self._socket.sendto(self._answer(question), peer)
            except OSError:
                return

    def _answer(self, question):
        name, kind, end = parse_question(question)
        turn = self._asked.get((name, kind), 0)
        self._asked[name, kind] = turn + 1
        answers = self._table.get(name)
        version = {A: 4, AAAA: 6}.get(kind)
        found = [a for a in answers[min(turn, len(answers) - 1)] if a.version == version] if answers else []
        flags = 0x8580 if answers else 0x8583  # a name that is not in the table does not exist
        head = question[:2] + struct.pack(">HHHHH", flags, 1, len(found), 0, 0)
        records = b"".join(
            struct.pack(">HHHIH", 0xC00C, kind, 1, self._ttl_s, len(a.packed)) + a.packed for a in found)
        return head + question[12:end] + records


def parse_question(packet):
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("ascii", "replace").lower())
        at += packet[at] + 1
    kind, _ = struct.unpack_from(">HH", packet, at + 1)
    return ".".join(labels), kind, at + 5
