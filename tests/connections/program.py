"""Programs over a pair of connections: how they are made from a seed.

An operation is a list: its name, which is that of a method `do_NAME` in `ends` or `raw`, and its arguments.
A step is ``[end, operations]``. A reaction is ``[event, number, operation]``. It is done once: for ``data``
when so many bytes have come, for other events when they have happened so often.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

Op = list[Any]
Step = list[Any]
Reaction = list[Any]
Program = dict[str, Any]

#: The two ends. The server's is always one of Twisted's transports.
SERVER, CLIENT = "server", "client"
OTHER = {SERVER: CLIENT, CLIENT: SERVER}

#: How many bytes a write has. The small ones always fit, all of a program together; the last one never does.
TINY, MEDIUM, BIG = 7, 5_000, 700_000
#: Attributes `bufferSize` of transports: none of the sums of what is above comes near them.
BUFFER_SIZES = (None, None, 4_096)
#: The size that the sockets are told to have for what is sent and what is received.
SOCKET_BUFFER = 65_536

_SENDS = {"write", "sequence", "push", "pull", "send"}
#: The operations that end a direction or the connection.
CLOSES = {"lose", "abort", "half", "stop_producing", "stop_consuming", "shut", "close", "reset", "raise"}


def make(seed: int) -> Program:
    """Make the program of a seed."""
    return _Maker(Random(f"connections {seed}"), seed).program()


def to_text(program: Program) -> str:
    """Give a program as one line for each of its parts."""
    return "".join(f"{json.dumps({key: program[key]})}\n" for key in program if key != "steps") + "".join(
        f"  {json.dumps(step)}\n" for step in program["steps"]
    )


class _Maker:
    """Makes one program."""

    def __init__(self, random: Random, seed: int) -> None:
        self._random = random
        self._seed = seed
        self._kind = random.choice(("tcp", "tcp", "unix"))
        self._client = random.choice(("connected", "connected", "adopted", "raw", "raw"))
        self._tls = self._client != "raw" and random.random() < 0.25
        # Ends with producers do not write in their callbacks: whether their buffer is full is chance.
        self._flows = {SERVER: random.random() < 0.5, CLIENT: random.random() < 0.5}
        self._mediums = 0

    def program(self) -> Program:
        """Make it."""
        ends = {SERVER: self._end(SERVER)}
        if self._client != "raw":
            ends[CLIENT] = self._end(CLIENT)
        self._one_made(ends)
        self._write_or_close(ends)
        steps: list[Step] = []
        for _ in range(self._random.randint(2, 9)):
            steps += self._step(ends)
            if self._random.random() < 0.1:
                steps += self._patience(ends)
        if self._tls:
            steps.insert(self._random.randint(0, len(steps) // 2), [SERVER, [["tls"]]])
        return {
            "seed": self._seed,
            "kind": self._kind,
            "client": self._client,
            "sleeps": self._random.random() < 0.2,
            "ends": ends,
            "steps": steps,
        }

    def _end(self, name: str) -> dict[str, Any]:
        random = self._random
        reactions: list[Reaction] = []
        if random.random() < 0.6:
            events = ("made", "data", "data", "lost", "read lost", "write lost")
            reactions = [self._reaction(name, random.choice(events)) for _ in range(random.randint(1, 3))]
        # Whether the bytes for a second end come together with those for the first one is chance.
        closing = [each for each in reactions if each[0] == "data" and each[2][0] in CLOSES]
        # So it is whether all that the other end's producer has to write is sent before the end.
        spared = closing if self._flows[OTHER[name]] else closing[1:]
        reactions = [each for each in reactions if each not in spared]
        # After a pause it is chance how much of a burst has come, so nothing waits for more of it.
        paused = [each for each in reactions if each[0] == "data" and each[2][0] == "pause"]
        reactions = [each for each in reactions if each not in paused] + [
            ["data", 1000, ["pause"]] for _ in paused[: not self._flows[OTHER[name]]]
        ]
        return {
            "half": random.random() < 0.4,
            "buffer": random.choice(BUFFER_SIZES),
            "reactions": reactions,
        }

    def _reaction(self, name: str, event: str) -> Reaction:
        random = self._random
        number = random.choice((1, 7, 14, 21)) if event == "data" else 1
        choices: list[Op] = [["raise"], ["lose"], ["half"], ["pause"]]
        if event == "lost":
            choices.append(["resume"])
        if event != "made":
            choices.append(["abort"])
        if not self._flows[name]:
            choices += [["write", TINY], ["sequence", [TINY, 0, TINY], "list"], ["write", TINY]]
        return [event, number, random.choice(choices)]

    def _one_made(self, ends: dict[str, dict[str, Any]]) -> None:
        """Leave at most one reaction to being made, since which end is made first is chance."""
        made = [(end, each) for end in ends.values() for each in end["reactions"] if each[0] == "made"]
        for end, each in made[1:]:
            end["reactions"].remove(each)

    @staticmethod
    def _write_or_close(ends: dict[str, dict[str, Any]]) -> None:
        """Have no end both write and close in its callbacks if the other one reacts."""
        for name, end in ends.items():
            reactions, other = end["reactions"], ends.get(OTHER[name], {"reactions": []})
            if other["reactions"] and any(each[2][0] in CLOSES for each in reactions):
                end["reactions"] = [each for each in reactions if each[2][0] not in _SENDS]

    def _step(self, ends: dict[str, dict[str, Any]]) -> list[Step]:
        random = self._random
        name = random.choice((SERVER, CLIENT))
        choose = self._raw if name not in ends else self._twisted
        ops = [choose(name) for _ in range(random.choice((1, 1, 1, 2, 2, 3)))]
        # Whether what has been written goes out before what has come is read is chance.
        if ["resume"] in ops and len(ops) > 1:
            ops = [op for op in ops if op != ["resume"]]
            return [[name, [["resume"]]], *([[name, ops]] if ops else [])]
        other = ends.get(OTHER[name], {"reactions": [1]})
        if not other["reactions"]:
            return [[name, ops]]
        # What comes before the end of the connection is let through before it, and nothing comes after it.
        for number, op in enumerate(ops):
            if op[0] in CLOSES:
                sent = [op for op in ops[:number] if op[0] in _SENDS]
                closing = [op, *(op for op in ops[number + 1 :] if op[0] not in _SENDS)]
                return [[name, ops[:number]], [name, closing]] if sent else [[name, ops[:number] + closing]]
        return [[name, ops]]

    def _patience(self, ends: dict[str, dict[str, Any]]) -> list[Step]:
        """Let an end close, and have that wait for a producer that has nothing more to write."""
        name = self._random.choice((SERVER, CLIENT))
        if name not in ends or not self._flows[name]:
            return []
        # With TLS, a producer that is pulled and gives nothing would be asked for ever.
        begin = ["push", 1, BIG, None, False] if self._tls else ["pull", 1, TINY, None, False]
        return [[name, [begin]], [name, [["lose"]]], [name, [["ask"]]], [name, [["unregister"]]]]

    def _size(self) -> int:
        size = self._random.choice((TINY, TINY, TINY, MEDIUM, BIG))
        if size == MEDIUM:
            self._mediums += 1
            if self._mediums > 8:
                return TINY
        return size

    def _twisted(self, name: str) -> Op:
        random = self._random
        chance = random.random()
        if chance < 0.35:
            return ["write", self._size()]
        if chance < 0.42:
            sizes = [self._size() for _ in range(random.randint(0, 3))]
            return ["sequence", sizes, random.choice(("list", "tuple", "generator"))]
        if chance < 0.54 and self._flows[name]:
            return self._producer()
        if chance < 0.80:
            quiet = ("pause", "pause", "resume", "resume", "unregister", "ask", "bad")
            return [random.choice(quiet)]
        closing = ("lose", "lose", "half", "half", "abort", "stop_producing", "stop_consuming")
        return [random.choice(closing)]

    def _producer(self) -> Op:
        random = self._random
        size = random.choice((TINY, MEDIUM, BIG, BIG))
        if size == MEDIUM:
            self._mediums += 3
        raising = random.choice((None, None, None, None, "pause", "resume", "stop"))
        if random.random() < 0.5:
            return ["pull", random.randint(1, 3), size, raising, True]
        return ["push", random.randint(1, 3), size, raising, random.random() < 0.7]

    def _raw(self, _: str) -> Op:
        random = self._random
        chance = random.random()
        if chance < 0.45:
            return ["send", self._size()]
        if chance < 0.80:
            return random.choice((["stall"], ["drain"], ["trickle", 100], ["trickle", 2_000], ["drain"]))
        return [random.choice(("shut", "close", "close", "reset"))]
