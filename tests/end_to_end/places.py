"""Random networks, and random places in them for the variables of an algorithm."""

from __future__ import annotations

from typing import Any

from tests.end_to_end.meanings import Env
from tests.end_to_end.writer import Home, Spot, Writer


class Placer(Writer):
    """Makes the network and the alignment."""

    # ---------------------------------------------------------------- network

    def network(self) -> list[str]:
        rng, made = self.rng, self.made
        names = [element.name for element in made.inputs]
        outputs = [e.name for e in made.elements if e.role == "output"]
        if made.kind == "mlp":
            rng.shuffle(names)
            made.feed = names
            made.reads = [(name, None) for name in outputs]
            hidden = [8 + rng.randrange(3)] * rng.choice([1, 2, 3])
            self.widths = hidden
            head = f"network mlp(hidden = [{', '.join(map(str, hidden))}]) {{"
            return [head, f"  feed {', '.join(names)}", *(f"  read {n}" for n in outputs), "}"]
        if made.kind == "gru":
            inputs = sorted({name.split("[")[0] for name in names})
            made.feed = [[f"{n}[{i}]" for n in inputs] for i in range(self.length)]
            lines = ["network gru(width = 6) {"]
            lines.append(f"  feed step i: {', '.join(f'{n}[i]' for n in inputs)}")
            if any(name.startswith("o[") for name in outputs):
                lines.append("  read o[i] at step i")
            made.reads = [(f"o[{i}]", i) for i in range(self.length) if f"o[{i}]" in outputs]
            for name in outputs:
                if not name.startswith("o["):
                    lines.append(f"  read {name} at last step")
                    made.reads.append((name, self.length - 1))
            return [*lines, "}"]
        return self.transformer(names, outputs)

    def transformer(self, names: list[str], outputs: list[str]) -> list[str]:
        rng, made = self.rng, self.made
        templates = []
        for _ in range(rng.choice([1, 1, 2])):
            order = rng.sample(names, len(names))
            words: list[str] = ["say"] if rng.random() < 0.5 else []
            for name in order:
                words += [f"{{{name}}}", *(["and"] if rng.random() < 0.3 else [])]
            templates.append([*words, "=", *(["now"] if rng.random() < 0.3 else [])])
        made.feed = templates
        self.layers = rng.choice([1, 2])
        lines = [f"network transformer(layers = {self.layers}, heads = 2, width = 8) {{"]
        if len(templates) == 1 and rng.random() < 0.3:
            items = [w[1:-1] if w[0] == "{" else f'"{w}"' for w in templates[0]]
            lines.append(f"  feed {', '.join(items)}")
        else:
            shown = ", ".join(f'"{" ".join(words)}"' for words in templates)
            lines.append(f"  feed {'any of ' if len(templates) > 1 else ''}{shown}")
        for name in outputs:
            where, at = rng.choice([("last", self.last), ('"="', self.literal)])
            lines.append(f"  read {name} at {where}")
            made.reads.append((name, at))
        return [*lines, "}"]

    def last(self, env: Env, template: int) -> tuple[int, ...]:
        return (len(self.made.feed[template]) - 1,)

    def literal(self, env: Env, template: int) -> tuple[int, ...]:
        return (self.made.feed[template].index("="),)

    # -------------------------------------------------------------- alignment

    def token(self) -> tuple[str, Any]:
        """A position of a transformer: its text, and its tokens for an example."""
        rng, feed = self.rng, self.made.feed
        names = [element.name for element in self.made.inputs]
        name = rng.choice(names)

        def slot(env: Env, template: int) -> tuple[int, ...]:
            return (feed[template].index(f"{{{name}}}"),)

        ways = [("last", self.last), ('"="', self.literal), (name, slot), (name, slot)]
        shortest = min(map(len, feed))
        index = rng.randrange(shortest)
        ways.append((f"index {index}", lambda env, template: (index,)))
        ways.append((f"token 1 after {name}", lambda e, t: (slot(e, t)[0] + 1,)))
        ways.append((f'{{{name}, "="}}', lambda e, t: (*slot(e, t), *self.literal(e, t))))
        if len({len(words) for words in feed}) == 1:
            ways.append(("every token", lambda e, t: tuple(range(len(feed[t])))))
        pointers = [n for n, k in self.scope.items() if k.values in ((0, 1), (False, True))]
        pointers = [n for n in pointers if self.scope[n].sort == "int"]
        if "g[0]" in names and pointers:
            pick = rng.choice(pointers)
            found = lambda e, t: (feed[t].index(f"{{g[{e[pick]}]}}"),)  # noqa: E731
            ways += [(f"g[{pick}]", found)] * 3
        return rng.choice(ways)

    def spots(self) -> list[tuple[str, Spot, int]]:
        """All sites of one width, no two of them overlapping: text, meaning, width."""
        rng, made = self.rng, self.made
        if made.kind == "mlp":
            return [(f"hidden {i}", Spot("hidden", i), w) for i, w in enumerate(self.widths)]
        if made.kind == "gru":
            found = []
            for i in range(self.length):
                last = i == self.length - 1 and rng.random() < 0.5
                text = "state at last step" if last else f"state at step {i}"
                found.append((text, Spot("state", None, lambda e, t, i=i: (i,)), 6))
            return found
        parts = ["embedding"]
        for layer in range(self.layers):
            parts += [f"residual {layer}", f"attention {layer}", f"mlp {layer}"]
            parts += [f"head {layer}.{rng.randrange(2)}"]
        position, at = self.token()
        count = len(at(made.all_inputs()[0], 0))
        if rng.random() < 0.2:
            heads = [(layer, head) for layer in range(self.layers) for head in range(2)]
            parts = [f"head {layer}.{head}.{rng.choice('qkvz')}" for layer, head in heads]
        found = []
        for part in parts:
            if rng.random() < 0.5 and count == 1:
                position, at = self.token()
                while len(at(made.all_inputs()[0], 0)) != 1:
                    position, at = self.token()
            component, _, rest = part.partition(" ")
            layer, _, head = rest.partition(".")
            name = f"head.{head}" if head else component
            width = 4 if "." in head else 8
            spot = Spot(name, int(layer) if layer else None, at)
            found.append((f"{part} at {position}", spot, width * count))
        return found

    def alignment(self) -> list[str]:
        rng, made = self.rng, self.made
        spots = self.spots()
        rng.shuffle(spots)
        inner = [e.name for e in made.elements if e.role != "output"]
        names = rng.sample(inner, min(len(inner), rng.choice([1, 2, 2, 3])))
        style = rng.choice(["whole", "neurons", "neurons", "learned", "learned"])
        made.control = "random_basis" if style == "learned" else ""
        shape = rng.choice(["shared", "apart", "joint", "from", "family", "family"])
        if shape == "family" and made.kind == "gru" and "acc" in self.families:
            return self.family(style)
        if shape == "joint" and len(spots) > 1 and style != "neurons":
            return self.joint(names[:1] if style == "whole" else names, spots, style)
        if style == "whole":
            lines = []
            for name, (text, spot, _) in zip(names, spots, strict=False):
                made.homes[name] = Home((spot,), (spot,), style)
                lines.append(f"  {name} -> {text}")
            return lines
        if shape == "apart" and len(spots) >= len(names):
            lines = []
            for name, (text, spot, width) in zip(names, spots, strict=False):
                lines += self.shared([name], text, (spot,), (spot,), width, style)
            return lines
        (text, spot, width), read = spots[0], spots[0][1]
        if shape == "from" and len(spots) > 1:
            other = rng.choice(list(spots[1:]))
            if other[2] == width:
                text, read = f"{text} from {other[0]}", other[1]
        return self.shared(names, text, (spot,), (read,), width, style)

    def shared(
        self, names: list[str], text: str, writes: Any, reads: Any, width: int, style: str
    ) -> list[str]:
        """Disjoint dims at one place."""
        lines, size = [], self.rng.randint(1, width // len(names))
        for number, name in enumerate(names):
            block = tuple(range(number * size, (number + 1) * size))
            self.made.homes[name] = Home(writes, reads, style, block, size)
            said = f"{size} learned dims"
            if style == "neurons":
                said = f"dims {block[0]}..{block[-1]}" if size > 1 else f"dims {block[0]}"
            lines.append(f"  {name} -> {text} in {said}")
        return lines

    def joint(self, names: list[str], spots: list[Any], style: str) -> list[str]:
        (one, first, wide), (two, second, wider) = spots[:2]
        both = (first, second)
        text = f"{one}, {two}"
        if style == "whole":
            self.made.homes[names[0]] = Home(both, both, style)
            return [f"  {names[0]} -> {text}"]
        return self.shared(names, text, both, both, wide + wider, style)

    def family(self, style: str) -> list[str]:
        count = self.families["acc"][0]
        block = (1, 2, 3)
        for i in range(count):
            spot = Spot("state", None, lambda e, t, i=i: (i,))
            dims = () if style == "whole" else block
            self.made.homes[f"acc[{i}]"] = Home((spot,), (spot,), style, dims, len(dims))
        basis = {"whole": "", "neurons": " in dims 1..3", "learned": " in 3 learned dims"}[style]
        return [f"  acc[i in 0..{count - 1}] -> state at step i{basis}"]
