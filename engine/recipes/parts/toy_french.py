"""A toy grammar of English and French: agreement, adjectives behind their nouns, negation around the verb."""

from __future__ import annotations

from collections.abc import Iterator

from ...data.host_random import integers
from ...generator import Generator

Sentence = tuple[str, ...]

NOUNS = (
    ("cat", "chat", 0), ("dog", "chien", 0), ("boy", "garçon", 0), ("horse", "cheval", 0), ("book", "livre", 0),
    ("girl", "fille", 1), ("car", "voiture", 1), ("house", "maison", 1), ("flower", "fleur", 1), ("woman", "femme", 1),
)  # fmt: skip
BEHIND = (("red", "rouge", "rouge"), ("green", "vert", "verte"), ("black", "noir", "noire"), ("calm", "calme", "calme"))
BEFORE = (("small", "petit", "petite"), ("big", "grand", "grande"), ("young", "jeune", "jeune"))
VERBS = (("sees", "see", "voit"), ("carries", "carry", "porte"), ("wants", "want", "veut"), ("finds", "find", "trouve"))
JOINS = (("and", "et"), ("but", "mais"), ("because", "car"))


def toy_french(n: int, generator: Generator) -> list[tuple[Sentence, Sentence]]:
    """n pairs of sentences of one or two clauses, such as "the red car does not see a dog" and its translation."""
    draws = integers(generator, 0, 1 << 20, (n, 26)).tolist()
    return [_sentence(iter(row)) for row in draws]


def _sentence(draw: Iterator[int]) -> tuple[Sentence, Sentence]:
    english, french = _clause(draw)
    if next(draw) % 2:
        join = JOINS[next(draw) % len(JOINS)]
        more = _clause(draw)
        english, french = [*english, join[0], *more[0]], [*french, join[1], *more[1]]
    return (*english, "."), (*french, ".")


def _clause(draw: Iterator[int]) -> tuple[list[str], list[str]]:
    (e1, f1), (e2, f2) = _thing(draw), _thing(draw)
    says, stem, dit = VERBS[next(draw) % len(VERBS)]
    if next(draw) % 3:
        return [*e1, says, *e2], [*f1, dit, *f2]
    return [*e1, "does", "not", stem, *e2], [*f1, "ne", dit, "pas", *f2]


def _thing(draw: Iterator[int]) -> tuple[list[str], list[str]]:
    """A noun with its article and perhaps an adjective; both agree with its gender in French."""
    noun, nom, gender = NOUNS[next(draw) % len(NOUNS)]
    known, kind = next(draw) % 2, next(draw) % 3
    article = "the" if known else "a"
    le = (("un", "une"), ("le", "la"))[known][gender]
    if kind == 0:
        return [article, noun], [le, nom]
    adjective, *forms = (BEHIND[next(draw) % len(BEHIND)], BEFORE[next(draw) % len(BEFORE)])[kind - 1]
    if kind == 1:
        return [article, adjective, noun], [le, nom, forms[gender]]
    return [article, adjective, noun], [le, forms[gender], nom]
