//! Many patterns and one subject.

use std::collections::HashMap;
use std::{fmt, slice};

use super::matcher::has_empty_token;

/// Values by pattern: finds those whose pattern [covers](super::covers) a subject.
///
/// It is a trie of tokens. With *n* tokens in the subject, a search looks at one node for each way to replace tokens by
/// `*` that is the start of some pattern: with patterns of a kind that is *n* + 1 nodes or a few more, at worst 2ⁿ. How
/// many patterns there are makes no difference, because a node finds the next one by hash. A search allocates nothing;
/// inserting and removing cost time in the length of the pattern. (`cargo bench -p tests --bench subjects` measures it:
/// 100,000 patterns take 8 % more instructions than 10, and as many as comparing with 9 patterns one by one.)
///
/// ```
/// use shared::event::subject::PatternMap;
///
/// let mut rooms = PatternMap::new();
/// rooms.insert("clinic.*.opened", "front door");
/// rooms.insert("clinic.7.>", "ward 7");
///
/// let mut found: Vec<&str> = rooms.matches("clinic.7.opened").copied().collect();
/// found.sort_unstable();
/// assert_eq!(found, ["front door", "ward 7"]);
/// assert_eq!(rooms.remove("clinic.7.>", |_| true), ["ward 7"]);
/// assert_eq!(rooms.matches("clinic.7.closed").count(), 0);
/// ```
#[derive(Clone)]
pub struct PatternMap<T> {
    /// The first is the root. Nodes name each other by their place here, so nothing recurses, however long a pattern is.
    nodes: Vec<Node<T>>,
    /// Places that removed nodes have left.
    free: Vec<usize>,
    len: usize,
}

#[derive(Clone)]
struct Node<T> {
    parent: usize,
    /// Whether it is the parent's `any`.
    is_any: bool,
    /// The next token, literally.
    literal: HashMap<Box<str>, usize>,
    /// The next token is `*`.
    any: Option<usize>,
    /// Patterns that end here.
    here: Vec<T>,
    /// Patterns that end here but for a `>`.
    rest: Vec<T>,
}

impl<T> Node<T> {
    fn below(parent: usize, is_any: bool) -> Self {
        Self { parent, is_any, literal: HashMap::new(), any: None, here: Vec::new(), rest: Vec::new() }
    }

    fn is_unused(&self) -> bool {
        self.literal.is_empty() && self.any.is_none() && self.here.is_empty() && self.rest.is_empty()
    }
}

const ROOT: usize = 0;

impl<T> PatternMap<T> {
    /// A map without patterns.
    #[must_use]
    pub fn new() -> Self {
        Self { nodes: vec![Node::below(ROOT, false)], free: Vec::new(), len: 0 }
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a value. A pattern may have several, also equal ones.
    ///
    /// What is no pattern (see [`pattern_defect`](super::pattern_defect)) covers what [`covers`](super::covers) says of
    /// it, which may be nothing.
    pub fn insert(&mut self, pattern: &str, value: T) {
        let (path, rest) = split(pattern);
        let mut node = ROOT;
        for token in path {
            node = match self.child(node, token) {
                Some(child) => child,
                None => self.grow(node, token),
            };
        }
        self.values(node, rest).push(value);
        self.len += 1;
    }

    /// Takes out those values of a pattern that are asked for. Values of other patterns stay, also those of patterns
    /// that this one covers.
    pub fn remove(&mut self, pattern: &str, mut which: impl FnMut(&T) -> bool) -> Vec<T> {
        let Some(node) = self.find(pattern) else { return Vec::new() };
        let removed: Vec<T> = self.values(node, split(pattern).1).extract_if(.., |value| which(value)).collect();
        self.len -= removed.len();
        self.prune(node, pattern);
        removed
    }

    /// The values whose pattern covers a concrete subject, in no particular order.
    #[must_use]
    pub fn matches<'a>(&'a self, subject: &'a str) -> Matches<'a, T> {
        // on a NATS server, such a subject is delivered to nobody
        let state = if has_empty_token(subject.as_bytes(), 0) { State::Done } else { State::Enter };
        Matches { map: self, subject, node: ROOT, at: 0, next: 0, state, values: [].iter() }
    }

    fn find(&self, pattern: &str) -> Option<usize> {
        split(pattern).0.try_fold(ROOT, |node, token| self.child(node, token))
    }

    fn child(&self, node: usize, token: &str) -> Option<usize> {
        if token == "*" { self.nodes[node].any } else { self.nodes[node].literal.get(token).copied() }
    }

    fn grow(&mut self, parent: usize, token: &str) -> usize {
        let node = Node::below(parent, token == "*");
        let place = match self.free.pop() {
            Some(place) => {
                self.nodes[place] = node;
                place
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() - 1
            }
        };
        if token == "*" {
            self.nodes[parent].any = Some(place);
        } else {
            self.nodes[parent].literal.insert(token.into(), place);
        }
        place
    }

    /// Gives up the node and those above it that nothing needs any more.
    fn prune(&mut self, mut node: usize, pattern: &str) {
        let mut path: Vec<&str> = split(pattern).0.collect();
        while let Some(token) = path.pop()
            && self.nodes[node].is_unused()
        {
            let parent = self.nodes[node].parent;
            if token == "*" {
                self.nodes[parent].any = None;
            } else {
                self.nodes[parent].literal.remove(token);
            }
            self.free.push(node);
            node = parent;
        }
    }

    fn values(&mut self, node: usize, rest: bool) -> &mut Vec<T> {
        let node = &mut self.nodes[node];
        if rest { &mut node.rest } else { &mut node.here }
    }
}

/// The tokens of a pattern without a `>` at its end, and whether there was one.
fn split(pattern: &str) -> (impl Iterator<Item = &str>, bool) {
    let rest = pattern == ">" || pattern.ends_with(".>");
    let path = if rest { pattern.strip_suffix('>').unwrap_or(pattern) } else { pattern };
    // "" before a lone `>` is no token, and neither is what follows the dot before a `>`
    let tokens = path.split('.').count() - usize::from(rest);
    (path.split('.').take(tokens), rest)
}

impl<T> Default for PatternMap<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for PatternMap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatternMap").field("len", &self.len).finish_non_exhaustive()
    }
}

/// The values that [`PatternMap::matches`] finds.
///
/// It goes down the trie and up again without remembering the way: a node knows its parent, and the subject the tokens.
#[derive(Clone)]
pub struct Matches<'a, T> {
    map: &'a PatternMap<T>,
    subject: &'a str,
    node: usize,
    /// Where the token begins that the node's children are compared with; past the end when there is none.
    at: usize,
    /// Where the one after it begins, once the node's values were given out.
    next: usize,
    state: State,
    values: slice::Iter<'a, T>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The node was not looked at yet.
    Enter,
    /// Its values were given out; go to the literal child.
    Literal,
    /// Go to `*`.
    Any,
    /// Nothing is left below.
    Leave,
    Done,
}

impl<'a, T> Matches<'a, T> {
    fn down(&mut self, child: Option<usize>) -> bool {
        if let Some(child) = child {
            (self.node, self.at, self.state) = (child, self.next, State::Enter);
        }
        child.is_some()
    }

    /// One step through the trie.
    fn step(&mut self) {
        let node = &self.map.nodes[self.node];
        match self.state {
            State::Enter if self.at > self.subject.len() => {
                self.values = node.here.iter();
                self.state = State::Leave;
            }
            State::Enter => {
                self.values = node.rest.iter();
                let token = &self.subject.as_bytes()[self.at..];
                self.next = self.at + 1 + token.iter().position(|byte| *byte == b'.').unwrap_or(token.len());
                self.state = State::Literal;
            }
            State::Literal => {
                let token = &self.subject[self.at..self.next - 1];
                if !self.down(node.literal.get(token).copied()) {
                    self.state = State::Any;
                }
            }
            State::Any => {
                if !self.down(node.any) {
                    self.state = State::Leave;
                }
            }
            State::Leave if self.node == ROOT => self.state = State::Done,
            State::Leave => {
                // back to the token before this place, which ends one byte before it, at the dot or at the end
                let before = &self.subject.as_bytes()[..self.at - 1];
                self.next = self.at;
                self.at = before.iter().rposition(|byte| *byte == b'.').map_or(0, |dot| dot + 1);
                self.state = if node.is_any { State::Leave } else { State::Any };
                self.node = node.parent;
            }
            State::Done => {}
        }
    }
}

impl<'a, T> Iterator for Matches<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        loop {
            if let Some(value) = self.values.next() {
                return Some(value);
            }
            if self.state == State::Done {
                return None;
            }
            self.step();
        }
    }
}

impl<T> std::iter::FusedIterator for Matches<'_, T> {}

impl<T> fmt::Debug for Matches<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matches").field("subject", &self.subject).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::covers;
    use super::*;

    fn found(map: &PatternMap<&'static str>, subject: &str) -> Vec<&'static str> {
        let mut found: Vec<_> = map.matches(subject).copied().collect();
        found.sort_unstable();
        found
    }

    const PATTERNS: [&str; 16] = [
        ">", "*", "a", "a.*", "a.>", "a.b", "*.b", "*.*", "*.>", "a.*.c", "a.b.c", "*.b.*", "a.*.>", "é.*", "a*.b",
        "{x}.b",
    ];

    #[test]
    fn it_finds_what_the_matcher_covers() {
        let mut map = PatternMap::new();
        for pattern in PATTERNS {
            map.insert(pattern, pattern);
        }
        assert_eq!(map.len(), PATTERNS.len());
        for subject in [
            "", ".", "a", "b", "a.b", "a.c", "b.b", "a.b.c", "a.b.c.d", "é.b", "a*.b", "{x}.b", "a..b", "a.", ".a",
            "*", ">",
        ] {
            let mut expected: Vec<_> = PATTERNS.into_iter().filter(|pattern| covers(pattern, subject)).collect();
            expected.sort_unstable();
            assert_eq!(found(&map, subject), expected, "{subject:?}");
        }
    }

    #[test]
    fn a_pattern_may_have_several_values() {
        let mut map = PatternMap::new();
        map.insert("a.*", 1);
        map.insert("a.*", 2);
        map.insert("a.*", 2);
        assert_eq!(map.matches("a.b").sum::<i32>(), 5);
        assert_eq!(map.remove("a.*", |value| *value == 2), [2, 2]);
        assert_eq!(map.matches("a.b").copied().collect::<Vec<_>>(), [1]);
        assert_eq!(map.len(), 1);
    }

    #[test]
    fn removing_gives_back_every_node_and_touches_no_other_pattern() {
        let mut map = PatternMap::new();
        for pattern in PATTERNS {
            map.insert(pattern, pattern);
        }
        let nodes = map.nodes.len();
        assert!(map.remove("a.x", |_| true).is_empty());
        assert!(map.remove("*.*.*.*", |_| true).is_empty());
        for (i, pattern) in PATTERNS.into_iter().enumerate() {
            assert_eq!(map.remove(pattern, |_| true), [pattern]);
            let mut left: Vec<_> = PATTERNS[i + 1..].iter().copied().filter(|other| covers(other, "a.b.c")).collect();
            left.sort_unstable();
            assert_eq!(found(&map, "a.b.c"), left);
        }
        assert!(map.is_empty());
        assert_eq!((map.nodes.len(), map.free.len()), (nodes, nodes - 1), "all but the root are free");
        for pattern in PATTERNS {
            map.insert(pattern, pattern);
        }
        assert_eq!((map.nodes.len(), map.free.len()), (nodes, 0), "and used again");
    }

    #[test]
    fn neither_a_long_pattern_nor_a_long_subject_is_a_danger() {
        let long = vec!["a"; 200_000].join(".");
        let mut map = PatternMap::new();
        map.insert(&long, "long");
        map.insert("a.>", "rest");
        assert_eq!(found(&map, &long), ["long", "rest"]);
        assert_eq!(map.remove(&long, |_| true), ["long"]);
        assert_eq!(found(&map, &long), ["rest"]);
    }
}
