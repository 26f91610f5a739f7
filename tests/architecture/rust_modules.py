"""Which file of a crate uses which, read from its sources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

Names = tuple[str, ...]
#: Comments, and literals, in which a path means nothing.
_NO_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|b?c?r(#*)".*?"\1|b?c?"(?:\\.|[^"\\])*"', re.DOTALL)
_USE = re.compile(r"(\bpub(?:\([^)]*\))?\s+)?\buse\s+([^;]+);")
_PATH = re.compile(r"(?<![\w:])(?:crate|self|super)(?:::\w+)+|(?<![\w:$])\w+(?:::\w+)+")
_CHILD = re.compile(r"\bmod\s+(\w+)\s*;")


def _leaves(tree: str) -> Iterator[tuple[str, Names]]:
    """Yield what the tree of a `use` imports: the name that it gets, and its path."""
    tree = tree.strip()
    if "{" not in tree:
        path, _, alias = tree.partition(" as ")
        names = tuple(name.strip() for name in path.split("::"))
        names = names[:-1] if names[-1] == "self" and len(names) > 1 else names
        yield alias.strip() or names[-1], names
        return
    before, _, inside = tree.partition("{")
    first = tuple(name.strip() for name in before.split("::") if name.strip())
    depth, start, inside = 0, 0, inside.rstrip().removesuffix("}") + ","
    for at, char in enumerate(inside):
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            if inside[start:at].strip():
                for leaf, rest in _leaves(inside[start:at]):
                    yield (first[-1], first) if rest == ("self",) else (leaf, first + rest)
            start = at + 1


class Module:
    """One file of a crate."""

    def __init__(self, path: Names, file: Path) -> None:
        text = _NO_CODE.sub(" ", file.read_text("utf-8")).partition("#[cfg(test)]\nmod tests")[0]
        self.path = path
        self.children = set(_CHILD.findall(text))
        self.imports: dict[str, Names] = {}
        self.used: set[Names] = set()
        for public, tree in _USE.findall(text):
            for name, names in _leaves(tree):
                self.imports[name] = names
                # What is only passed on is not used here.
                if not public:
                    self.used.add(names)
        for names in _PATH.findall(_USE.sub(" ", text)):
            self.used.add(tuple(names.split("::")))


class Crate:
    """The files of a crate, without those of its tests."""

    def __init__(self, folder: Path) -> None:
        self.modules: dict[Names, Module] = {}
        for file in sorted(folder.rglob("*.rs")):
            *parents, name = file.relative_to(folder).with_suffix("").parts
            if name != "tests":
                path = (*parents, *([] if name in ("mod", "lib") else [name]))
                self.modules[path] = Module(path, file)

    def _find(self, start: Names, names: Names, seen: frozenset[tuple[Names, Names]]) -> Names | None:
        """Return the module that has what code in the module `start` calls by this path."""
        if (start, names) in seen:
            return None
        seen |= {(start, names)}
        at = start
        for index, name in enumerate(names):
            module = self.modules[at]
            if name == "crate":
                at = ()
            elif name == "super":
                at = at[:-1]
            elif name == "self":
                continue
            elif name in module.children:
                at = (*at, name)
            elif name in module.imports:
                return self._find(at, module.imports[name] + names[index + 1 :], seen)
            else:
                return None if index == 0 else at
        return at

    def edges(self) -> Iterator[tuple[Names, Names]]:
        """Yield pairs: a module, and another that it uses."""
        for path, module in self.modules.items():
            for names in module.used:
                found = self._find(path, names, frozenset())
                if found is not None and found != path:
                    yield path, found

    def circles(self) -> set[str]:
        """Return the circles of each folder, in which its files and its folders count as one each."""
        graphs: dict[Names, dict[str, set[str]]] = {}
        for user, used in self.edges():
            common = 0
            while common < min(len(user), len(used)) and user[common] == used[common]:
                common += 1
            ends = [names[common] if len(names) > common else "mod" for names in (user, used)]
            # The root of a crate is made of all the rest.
            if common or "mod" not in ends:
                graphs.setdefault(user[:common], {}).setdefault(ends[0], set()).add(ends[1])
        return {
            f"{'/'.join(folder) or 'src'}: {' '.join(sorted(circle))}"
            for folder, graph in graphs.items()
            for circle in _circles(graph)
        }


def _circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """Return the largest sets of nodes each of which leads to all others of its set."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        ahead = [start]
        while ahead:
            for node in graph.get(ahead.pop(), set()) - found:
                found.add(node)
                ahead.append(node)
        return found

    all_reached = {node: reached(node) for node in graph}
    return {
        frozenset(other for other in reach if node in all_reached.get(other, ()))
        for node, reach in all_reached.items()
        if node in reach
    }
