# SPDX-License-Identifier: Apache-2.0
"""Sets of sequence ranges: sorted lists of disjoint, not adjacent (first, last)."""


def normalise(ranges):
    """Any ranges -> a set: sorted, merged where they overlap or touch."""
    merged = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            if last > merged[-1][1]:
                merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return merged


def subtract(ranges, taken):
    """What of the set `ranges` is not in the set `taken`."""
    left = []
    taken = list(taken)
    at = 0
    for first, last in ranges:
        while at < len(taken) and taken[at][1] < first:
            at += 1
        look = at
        while first <= last and look < len(taken) and taken[look][0] <= last:
            if taken[look][0] > first:
                left.append((first, taken[look][0] - 1))
            first = max(first, taken[look][1] + 1)
            look += 1
        if first <= last:
            left.append((first, last))
    return left


def of_numbers(numbers):
    """Ascending distinct numbers -> a set."""
    ranges = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return [tuple(pair) for pair in ranges]


def contains(ranges, number):
    """Whether the set holds `number`."""
    low, high = 0, len(ranges)
    while low < high:
        middle = (low + high) // 2
        if ranges[middle][1] < number:
            low = middle + 1
        else:
            high = middle
    return low < len(ranges) and ranges[low][0] <= number


def size(ranges):
    """How many numbers the set holds."""
    return sum(last - first + 1 for first, last in ranges)
