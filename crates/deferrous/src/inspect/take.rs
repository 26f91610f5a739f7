//! Taking a snapshot: from what is remembered to items that wait for each other.

use std::collections::{BTreeMap, HashMap};

use super::{
    jobs,
    model::{Item, Kind, Snapshot, State},
    registry::{self, Look, Record},
};

pub(super) fn take() -> Snapshot {
    let mut items = registry::read(read);
    items.extend(jobs::items());
    items.sort_by_key(|item| item.id);
    let mut snapshot = Snapshot { items };
    drop_gone(&mut snapshot);
    snapshot
}

fn read(records: &BTreeMap<u64, Record>) -> Vec<Item> {
    let looks: HashMap<u64, Look> = records
        .iter()
        .filter_map(|(id, record)| Some((*id, record.look()?)))
        .collect();
    let mut items: BTreeMap<u64, Item> = records
        .iter()
        .filter_map(|(id, record)| Some((*id, item(*id, record, looks.get(id)?, &looks))))
        .collect();
    for (id, record) in records {
        join(*id, record, &mut items);
    }
    items.into_values().collect()
}

/// What a record says by itself.
fn item(id: u64, record: &Record, look: &Look, looks: &HashMap<u64, Look>) -> Item {
    let state = match &look.state {
        State::Unfired { .. } if record.running => State::Running,
        state => state.clone(),
    };
    // What it is to be fired by is of no interest any more when it was.
    let waits_for = match state {
        State::Unfired { .. } => record.waits_for.clone(),
        State::Chained => vec![look.chained_to],
        _ => Vec::new(),
    };
    let limit = looks.get(&record.limited_by).map(|call| &call.state);
    Item {
        id,
        kind: record.kind,
        name: record.name.clone().into_owned(),
        type_name: record.type_name,
        detail: record.detail.clone(),
        place: record.place,
        age: record.age(),
        state,
        awaits_at: None,
        times_out: match limit {
            Some(State::Due { after }) => Some(*after),
            _ => None,
        },
        wanted: look.wanted,
        waits_for,
        limited_by: record.limited_by,
    }
}

/// Adds what a record says of others: a Deferred knows the coroutine that awaits it, and a permit its lock.
fn join(id: u64, record: &Record, items: &mut BTreeMap<u64, Item>) {
    let is_awaited = is_outstanding(items, id);
    if let Some(coroutine) = items.get_mut(&record.awaited_by).filter(|_| is_awaited) {
        coroutine.waits_for.push(id);
        coroutine.awaits_at = record.awaited_at;
    }
    if let Some((of, asked_by)) = record.permit {
        // Where a callback has the permit, the Deferred waits for what that has returned. A coroutine that has
        // awaited it has it by itself.
        let mut holders = [asked_by, record.within].into_iter();
        let holder = holders.find(|id| is_outstanding(items, *id));
        if let Some(permit) = items.get_mut(&id) {
            permit.waits_for.extend(holder);
        }
        if let Some(lock) = items.get_mut(&of) {
            lock.waits_for.push(id);
        }
    }
}

fn is_outstanding(items: &BTreeMap<u64, Item>, id: u64) -> bool {
    items.get(&id).is_some_and(Item::is_outstanding)
}

/// Removes what nobody waits for any more: it is gone, or was fired.
fn drop_gone(snapshot: &mut Snapshot) {
    let there: Vec<u64> = snapshot
        .items
        .iter()
        .filter(|item| item.is_outstanding() || matches!(item.kind, Kind::Primitive | Kind::Permit))
        .map(|item| item.id)
        .collect();
    for item in &mut snapshot.items {
        item.waits_for.retain(|id| there.binary_search(id).is_ok());
    }
}
