//! Moving, cloning and deleting: metadata work, no byte is read or written.

use super::place_in;
use crate::{
    domain::{
        Error, Result,
        caller::{Caller, Right},
        id::{CredentialId, ObjectId, PackageId},
        name::ObjectPath,
        object::{Object, ObjectPlace, ObjectState, Removed},
        time::Timestamp,
    },
    metadata::WriteRows,
    service::Services,
};
use std::collections::{HashMap, HashSet};

/// One object to move, and where to.
#[derive(Debug)]
pub(crate) struct Moving {
    pub(crate) object: ObjectId,
    pub(crate) package: PackageId,
    pub(crate) path: Result<ObjectPath>,
}

/// One object to clone, and where to.
#[derive(Debug)]
pub(crate) struct Cloning {
    pub(crate) object: ObjectId,
    pub(crate) package: PackageId,
    pub(crate) path: Result<ObjectPath>,
}

/// Why one item of a batch did not succeed.
#[derive(Debug)]
pub(crate) struct ItemFailure {
    pub(crate) object: ObjectId,
    pub(crate) error: Error,
}

/// What came of a batch of moves.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    /// In the order of the request.
    pub(crate) successes: Vec<ObjectId>,
    pub(crate) failures: Vec<ItemFailure>,
}

/// What came of a batch of clones.
#[derive(Debug, Default)]
pub(crate) struct Cloned {
    /// Parallel to the request; `None` where there was a failure.
    pub(crate) objects: Vec<Option<Object>>,
    pub(crate) failures: Vec<ItemFailure>,
}

/// A move that may happen if its target is free.
struct PlannedMove {
    object: Object,
    from: ObjectPlace,
    to: ObjectPlace,
    /// Who has the target now.
    occupant: Option<ObjectId>,
}

impl Services {
    /// Moves objects, each for itself, all that can be in one transaction. A target that another item of the
    /// same request leaves is free: swaps and chains work.
    pub(crate) async fn move_objects(&self, caller: Caller, movings: Vec<Moving>) -> Result<Moved> {
        caller.may(Right::Write)?;
        if movings.is_empty() {
            return Ok(Moved::default());
        }
        let scope = caller.scope();
        self.metadata.write(move |rows| Box::pin(async move { move_all(&rows, scope, movings).await })).await
    }

    /// Clones objects, each for itself, in one transaction; the clones share the bytes.
    pub(crate) async fn clone_objects(&self, caller: Caller, clonings: Vec<Cloning>) -> Result<Cloned> {
        caller.may(Right::Write)?;
        if clonings.is_empty() {
            return Ok(Cloned::default());
        }
        let scope = caller.scope();
        self.metadata.write(move |rows| Box::pin(async move { clone_all(&rows, scope, clonings).await })).await
    }

    /// Removes objects; unknown ids are passed over.
    pub(crate) async fn delete_objects(&self, caller: Caller, ids: Vec<ObjectId>) -> Result<Removed> {
        caller.may(Right::Write)?;
        if ids.is_empty() {
            return Ok(Removed::default());
        }
        let scope = caller.scope();
        let objects = self
            .metadata
            .write(move |rows| Box::pin(async move { rows.delete_objects(scope, &ids, Timestamp::now()).await }))
            .await?;
        Ok(Removed { packages: 0, objects })
    }
}

async fn move_all(rows: &WriteRows<'_>, scope: Option<CredentialId>, movings: Vec<Moving>) -> Result<Moved> {
    let mut failures = Vec::new();
    let mut planned = Vec::with_capacity(movings.len());
    let mut seen = HashSet::new();
    for moving in movings {
        let object = moving.object;
        let plan = if seen.insert(object) {
            plan_move(rows, scope, moving).await
        } else {
            Err(Error::invalid("movings", format!("object {object} comes twice in this request")))
        };
        match item(plan)? {
            Ok(plan) => planned.push(plan),
            Err(error) => failures.push(ItemFailure { object, error }),
        }
    }
    let (possible, impossible) = sort_out(planned);
    failures.extend(impossible);

    let now = Timestamp::now();
    let moves: Vec<&PlannedMove> = possible.iter().filter(|plan| plan.occupant != Some(plan.object.id)).collect();
    // A target may still be held by one that moves later: first all get out of the way.
    if moves.iter().any(|plan| plan.occupant.is_some()) {
        for plan in &moves {
            rows.set_aside(plan.object.id).await?;
        }
    }
    for plan in &moves {
        rows.move_object(plan.object.id, &plan.to, now).await?;
    }
    for plan in &moves {
        let ObjectPlace { bucket, package, key, .. } = &plan.from;
        rows.mark_left(*bucket, *package, key, now).await?;
    }
    Ok(Moved { successes: possible.iter().map(|plan| plan.object.id).collect(), failures })
}

async fn plan_move(rows: &WriteRows<'_>, scope: Option<CredentialId>, moving: Moving) -> Result<PlannedMove> {
    let path = moving.path?;
    let object = rows.object(scope, moving.object).await?.object;
    let package = rows.package(scope, moving.package).await?;
    let to = place_in(&package, &path)?;
    let occupant = rows.object_at(package.id, &path).await?.map(|occupant| occupant.id);
    let home = if object.package == package.id { package } else { rows.package(scope, object.package).await? };
    let from = place_in(&home, &object.path)?;
    Ok(PlannedMove { object, from, to, occupant })
}

/// Parts the moves that can happen together from those that cannot: whose target an earlier one takes, or is
/// held by an object that stays. One that stays may hold the target of another, so this is asked until nothing changes.
fn sort_out(mut planned: Vec<PlannedMove>) -> (Vec<PlannedMove>, Vec<ItemFailure>) {
    let mut failures = Vec::new();
    loop {
        let leaving: HashSet<ObjectId> = planned.iter().map(|plan| plan.object.id).collect();
        let mut taken = HashMap::new();
        let before = planned.len();
        planned.retain(|plan| {
            let target = (plan.to.package, plan.to.path.clone());
            let held = plan.occupant.is_some_and(|occupant| !leaving.contains(&occupant));
            if held || taken.contains_key(&target) {
                failures.push(ItemFailure { object: plan.object.id, error: occupied(&plan.to) });
                return false;
            }
            taken.insert(target, plan.object.id);
            true
        });
        if planned.len() == before {
            return (planned, failures);
        }
    }
}

async fn clone_all(rows: &WriteRows<'_>, scope: Option<CredentialId>, clonings: Vec<Cloning>) -> Result<Cloned> {
    let mut cloned = Cloned::default();
    for cloning in clonings {
        let object = cloning.object;
        match item(clone_one(rows, scope, cloning).await)? {
            Ok(clone) => cloned.objects.push(Some(clone)),
            Err(error) => {
                cloned.objects.push(None);
                cloned.failures.push(ItemFailure { object, error });
            }
        }
    }
    Ok(cloned)
}

async fn clone_one(rows: &WriteRows<'_>, scope: Option<CredentialId>, cloning: Cloning) -> Result<Object> {
    let path = cloning.path?;
    let source = rows.object(scope, cloning.object).await?.object;
    if source.state == ObjectState::Receiving {
        let message = format!("object {} is an unfinished multipart upload; complete it first", source.id);
        return Err(Error::Conflict(message));
    }
    let package = rows.package(scope, cloning.package).await?;
    let to = place_in(&package, &path)?;
    rows.clone_object(&source, &to, Timestamp::now()).await
}

fn occupied(place: &ObjectPlace) -> Error {
    Error::Exists { what: "object", which: format!("`{}` in package {}", place.path, place.package) }
}

/// Tells a failure of one item, which the answer lists, from one of the whole request.
fn item<T>(result: Result<T>) -> Result<Result<T>> {
    match result {
        Err(error @ (Error::NotFound { .. } | Error::Exists { .. } | Error::Invalid { .. } | Error::Conflict(_))) => {
            Ok(Err(error))
        }
        Err(error) => Err(error),
        Ok(value) => Ok(Ok(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{hash::FileHash, id::BucketId, redundancy::Redundancy};

    fn plan(id: i64, to: &str, occupant: Option<i64>) -> PlannedMove {
        let path = ObjectPath::new("path", to).unwrap();
        let object = Object {
            id: ObjectId(id),
            package: PackageId(1),
            path: ObjectPath::new("path", "old").unwrap(),
            size: 0,
            hash: FileHash::UNFINISHED,
            state: ObjectState::Stored(Redundancy::None),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            version: None,
        };
        let to = ObjectPlace { bucket: BucketId(1), package: PackageId(1), path, key: String::new() };
        PlannedMove { object, from: to.clone(), to, occupant: occupant.map(ObjectId) }
    }

    fn ids(plans: &[PlannedMove]) -> Vec<i64> {
        plans.iter().map(|plan| plan.object.id.0).collect()
    }

    #[test]
    fn a_swap_and_a_chain_are_possible() {
        let (possible, failures) = sort_out(vec![plan(1, "b", Some(2)), plan(2, "a", Some(1)), plan(3, "c", None)]);
        assert_eq!(ids(&possible), [1, 2, 3]);
        assert!(failures.is_empty());
    }

    #[test]
    fn one_that_must_stay_blocks_those_who_want_its_place() {
        // 2 cannot move because 9 stays; so 1 cannot take the place of 2; so 3 cannot take that of 1.
        let plans = vec![plan(3, "a", Some(1)), plan(1, "b", Some(2)), plan(2, "z", Some(9)), plan(4, "y", None)];
        let (possible, failures) = sort_out(plans);
        assert_eq!(ids(&possible), [4]);
        assert_eq!(failures.len(), 3);
    }

    #[test]
    fn of_two_that_want_one_place_the_first_gets_it() {
        let (possible, failures) = sort_out(vec![plan(1, "x", None), plan(2, "x", None)]);
        assert_eq!(ids(&possible), [1]);
        assert_eq!(failures[0].object, ObjectId(2));
    }
}
