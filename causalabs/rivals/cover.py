"""Set cover: the fewest examples that between them do all that is asked of them."""

from __future__ import annotations

from collections.abc import Sequence

FEW_MASKS = 5_000
MOST_LOOKS = 5_000_000  # at one bit of one mask


def smallest_cover(masks: Sequence[int]) -> tuple[tuple[int, ...], bool]:
    """Places of masks whose union is the union of all, and whether no fewer would do.

    Exact by iterative deepening while that stays cheap, otherwise greedy.

    >>> smallest_cover([0b0011, 0b0110, 0b1100])
    ((0, 2), True)
    """
    whole = 0
    for mask in masks:
        whole |= mask
    kept = _undominated(masks)
    greedy = _greedy(masks, kept, whole)
    if len(kept) > FEW_MASKS:
        return greedy, len(greedy) <= 1
    looks = [MOST_LOOKS]
    for size in range(len(greedy)):
        found = _within(masks, kept, whole, size, looks)
        if found is not None:
            return tuple(sorted(found)), True
        if looks[0] <= 0:
            return greedy, False
    return greedy, True


def _undominated(masks: Sequence[int]) -> list[int]:
    """Places of masks that no other mask holds; of equal ones the first."""
    first: dict[int, int] = {}
    for place, mask in enumerate(masks):
        first.setdefault(mask, place)
    found: list[int] = []
    for mask in sorted(first, key=int.bit_count, reverse=True):
        if mask and (len(first) > FEW_MASKS or all(mask & ~masks[p] for p in found)):
            found.append(first[mask])
    return found


def _greedy(masks: Sequence[int], kept: Sequence[int], whole: int) -> tuple[int, ...]:
    found = []
    while whole:
        best = max(kept, key=lambda place: (masks[place] & whole).bit_count())
        found.append(best)
        whole &= ~masks[best]
    return tuple(sorted(found))


def _within(
    masks: Sequence[int], kept: Sequence[int], left: int, size: int, looks: list[int]
) -> list[int] | None:
    """A cover of `left` by at most `size` masks: branches on the rarest thing left."""
    if not left:
        return []
    useful = [place for place in kept if masks[place] & left]
    looks[0] -= len(useful) * left.bit_count()
    widest = max((masks[place] & left).bit_count() for place in useful)
    if size * widest < left.bit_count() or looks[0] <= 0:
        return None
    bits = [1 << i for i in range(left.bit_length()) if left >> i & 1]
    options = [[place for place in useful if masks[place] & bit] for bit in bits]
    for place in min(options, key=len):
        found = _within(masks, kept, left & ~masks[place], size - 1, looks)
        if found is not None:
            return [place, *found]
    return None
