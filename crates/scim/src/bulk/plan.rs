//! The order of bulk operations: creations in front of their uses, circles broken.

use super::{BulkMethod, BulkOperation, BulkPath, PREFIX, references};
use std::collections::{BTreeSet, HashMap};

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The operation by its place in the request.
    pub operation: usize,
    /// How much of it.
    pub part: Part,
}

/// How much of an operation a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it; every name that some POST of the request bears is known by now.
    Whole,
    /// The creation without what names resources that are still to come (`set_aside`).
    Start,
    /// What was set aside: by now it can be resolved.
    Rest,
}

/// Operations that wait for others.
struct Waiting {
    /// For each operation, those whose end it waits for.
    on: Vec<BTreeSet<usize>>,
    /// For each operation, those that wait for it.
    of: Vec<Vec<usize>>,
    /// Not run, and waiting for nothing.
    ready: BTreeSet<usize>,
    /// Not run.
    left: BTreeSet<usize>,
}

pub(super) fn plan(operations: &[BulkOperation]) -> Vec<Step> {
    let mut waiting = Waiting::new(dependencies(operations));
    let mut steps = Vec::with_capacity(operations.len());
    // Operations that were started and what they still miss.
    let mut started: Vec<(usize, BTreeSet<usize>)> = Vec::new();
    while !waiting.left.is_empty() {
        let (operation, part) = match waiting.ready.pop_first() {
            Some(operation) => (operation, Part::Whole),
            None => {
                // Only creations can be in a circle: nothing else can be waited for by name.
                let Some(operation) = waiting.weakest(operations) else { break };
                started.push((operation, waiting.missing(operation)));
                (operation, Part::Start)
            }
        };
        steps.push(Step { operation, part });
        waiting.done(operation);
        started.retain_mut(|(open, missing)| {
            missing.remove(&operation);
            if missing.is_empty() {
                steps.push(Step { operation: *open, part: Part::Rest });
            }
            !missing.is_empty()
        });
    }
    steps
}

/// For each operation the ones that have to be done before: the POSTs that it names, and the operation in
/// front of it on the same resource.
fn dependencies(operations: &[BulkOperation]) -> Vec<BTreeSet<usize>> {
    let posts: HashMap<&str, usize> = operations
        .iter()
        .enumerate()
        .filter(|(_, operation)| operation.method == BulkMethod::Post)
        .filter_map(|(index, operation)| Some((operation.bulk_id.as_deref()?, index)))
        .collect();
    let mut last: HashMap<&BulkPath, usize> = HashMap::new();
    let mut all = Vec::with_capacity(operations.len());
    for (index, operation) in operations.iter().enumerate() {
        let mut names = operation.data.as_ref().map(references).unwrap_or_default();
        names.extend(operation.path.id.as_deref().and_then(|id| id.strip_prefix(PREFIX)).map(str::to_owned));
        let mut on: BTreeSet<usize> = names.iter().filter_map(|name| posts.get(name.as_str()).copied()).collect();
        // A resource cannot wait for itself, but what names it has to be added once it is there.
        if operation.method != BulkMethod::Post {
            on.extend(last.insert(&operation.path, index));
        }
        all.push(on);
    }
    all
}

impl Waiting {
    fn new(on: Vec<BTreeSet<usize>>) -> Self {
        let mut of = vec![Vec::new(); on.len()];
        for (index, awaited) in on.iter().enumerate() {
            for awaited in awaited {
                if let Some(list) = of.get_mut(*awaited) {
                    list.push(index);
                }
            }
        }
        let ready = on.iter().enumerate().filter(|(_, on)| on.is_empty()).map(|(index, _)| index).collect();
        Self { left: (0..on.len()).collect(), on, of, ready }
    }

    fn missing(&self, operation: usize) -> BTreeSet<usize> {
        self.on.get(operation).cloned().unwrap_or_default()
    }

    fn done(&mut self, operation: usize) {
        self.left.remove(&operation);
        self.ready.remove(&operation);
        for next in self.of.get(operation).cloned().unwrap_or_default() {
            let Some(on) = self.on.get_mut(next) else { continue };
            on.remove(&operation);
            if on.is_empty() && self.left.contains(&next) {
                self.ready.insert(next);
            }
        }
    }

    /// The operation at which a circle is best broken: one in a circle; a group, if there is one, as its
    /// members can always be added later.
    fn weakest(&self, operations: &[BulkOperation]) -> Option<usize> {
        let circular = || {
            let is_post = |index: &usize| operations.get(*index).is_some_and(|op| op.method == BulkMethod::Post);
            self.left.iter().copied().filter(is_post).filter(|index| self.reaches_itself(*index))
        };
        let has_members = |index: &usize| {
            let data = operations.get(*index).and_then(|operation| operation.data.as_ref()?.as_object());
            data.is_some_and(|data| data.keys().any(|name| name.eq_ignore_ascii_case("members")))
        };
        circular().find(has_members).or_else(|| circular().next())
    }

    fn reaches_itself(&self, start: usize) -> bool {
        let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
        while let Some(operation) = open.pop() {
            for next in self.on.get(operation).into_iter().flatten() {
                if *next == start {
                    return true;
                }
                if seen.insert(*next) {
                    open.push(*next);
                }
            }
        }
        false
    }
}
