# SPDX-License-Identifier: Apache-2.0
"""What Python programs spend their time on, a second or so of it: calls, attributes,
containers, strings, integers."""


class Node:
    def __init__(self, key, left=None, right=None):
        self.key, self.left, self.right = key, left, right

    def insert(self, key):
        side = "left" if key < self.key else "right"
        child = getattr(self, side)
        if child is None:
            setattr(self, side, Node(key))
        else:
            child.insert(key)

    def total(self):
        return self.key + sum(child.total() for child in (self.left, self.right) if child)


def words(n):
    counts = {}
    for i in range(n):
        word = "w%d" % (i * i % 97)
        counts[word] = counts.get(word, 0) + len(word)
    return ",".join("%s=%d" % item for item in sorted(counts.items()))


def sieve(n):
    prime = [True] * n
    for i in range(2, n):
        if prime[i]:
            for j in range(i * i, n, i):
                prime[j] = False
    return sum(prime)


def main():
    root, seed = Node(1 << 15), 1
    for _ in range(4000):
        seed = seed * 75 % 65537
        root.insert(seed)
    print(root.total(), len(words(60000)), sieve(60000))


main()
