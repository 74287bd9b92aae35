//! The order in which things are measured: what is compared takes turns, so that what else the machine does falls on all
//! of it.

use crate::cpu::cpu_time;
use crate::floor::Floor;
use crate::load::{self, Measured, Plan};
use crate::operations::{self, Operation};
use crate::options::{Database, Options};
use crate::report::{Cell, LogCost, Report, Row, Turn};
use crate::sqlite;
use crate::world::World;
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How often everything that is compared takes turns.
const TURNS: u32 = 3;
/// How often log on and log off take turns.
const LOG_TURNS: usize = 7;
/// Members of the group that every directory has.
const GROUP: usize = 100;

struct Bench<'o> {
    options: &'o Options,
    database: Database,
    runtime: Runtime,
    floor: Floor,
}

/// The same operation on something of another size.
struct Size<'w> {
    size: usize,
    world: &'w World,
    operation: Operation,
}

pub(crate) fn measure(options: &Options, database: Database) -> Report {
    // One thread for the load: it leaves the other processors to whoever is measured.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let bench = Bench { options, database, runtime, floor: Floor::start() };
    let mut worlds: Vec<World> =
        options.users(database).iter().map(|users| World::make(database, *users, &[GROUP])).collect();
    let people = bench.people(&worlds);
    let log = if options.log { bench.log(&worlds[bench.main(&worlds)]) } else { Vec::new() };
    worlds.iter_mut().for_each(World::look);
    let main = &worlds[bench.main(&worlds)];
    let imported_alone = (database == Database::Sqlite).then(|| sqlite::imports_alone(&file(main)));
    let made = worlds.iter().map(|world| (world.users, world.made.clone())).collect();
    drop(worlds);
    let largest = options.members().last().copied().unwrap_or(GROUP);
    let world = World::make(database, largest, options.members());
    let members = bench.members(&world);
    Report { database: database.name(), people, members, log, made, imported_alone }
}

/// Its database, with SQLite.
fn file(world: &World) -> PathBuf {
    world.server.data.join("provost.db")
}

impl Bench<'_> {
    /// The directory that the floors are measured beside: a hundred thousand people, or the largest below.
    fn main(&self, worlds: &[World]) -> usize {
        worlds.iter().rposition(|world| world.users <= 100_000).unwrap_or(0)
    }

    fn people(&self, worlds: &[World]) -> Vec<Row> {
        let main = self.main(worlds);
        let mut all: Vec<_> = worlds.iter().map(|world| operations::of_people(world).into_iter()).collect();
        let mut rows = Vec::new();
        loop {
            let sizes: Vec<Size<'_>> = worlds
                .iter()
                .zip(&mut all)
                .filter_map(|(world, operations)| {
                    Some(Size { size: world.users, world, operation: operations.next()? })
                })
                .collect();
            if sizes.is_empty() {
                return rows;
            }
            rows.extend(self.rows(&sizes, main));
        }
    }

    fn members(&self, world: &World) -> Vec<Row> {
        let mut all: Vec<_> =
            world.groups.iter().map(|group| (group.0, operations::of_members(world, group).into_iter())).collect();
        let mut rows = Vec::new();
        loop {
            let sizes: Vec<Size<'_>> = all
                .iter_mut()
                .filter_map(|(size, operations)| Some(Size { size: *size, world, operation: operations.next()? }))
                .collect();
            if sizes.is_empty() {
                return rows;
            }
            rows.extend(self.rows(&sizes, sizes.len() - 1));
        }
    }

    /// One operation on all sizes with each number of connections.
    fn rows(&self, sizes: &[Size<'_>], main: usize) -> Vec<Row> {
        let beside = &sizes[main];
        let operation = &beside.operation;
        if !operation.name.contains(&self.options.only) {
            return Vec::new();
        }
        self.floor.answer_with(&operation.sample(beside.world));
        let mut sqlite = match (self.database, operation.writes) {
            (Database::Sqlite, Some(write)) => Some(sqlite::Floor::new(&file(beside.world), write)),
            _ => None,
        };
        let connections = self.options.connections.iter().filter(|count| **count <= operation.connections_max);
        connections.map(|connections| self.row(sizes, beside, sqlite.as_mut(), *connections)).collect()
    }

    fn row(
        &self,
        sizes: &[Size<'_>],
        beside: &Size<'_>,
        mut sqlite: Option<&mut sqlite::Floor>,
        connections: usize,
    ) -> Row {
        let operation = &beside.operation;
        eprintln!("{} with {connections} connections …", operation.name);
        let mut row = Row {
            operation: operation.name.clone(),
            connections,
            cells: sizes.iter().map(|size| (size.size, Cell::default())).collect(),
            beside: beside.size,
            axum: Vec::new(),
            sqlite: Vec::new(),
        };
        for _ in 0..TURNS {
            for (size, (_, cell)) in sizes.iter().zip(&mut row.cells) {
                let measured = self.run(&size.operation, connections, size.world.server.address);
                cell.turn(measured.times, measured.per_second);
            }
            if operation.has_floor {
                row.axum.push(self.run(operation, connections, self.floor.address).per_second);
            }
            if let Some(sqlite) = &mut sqlite {
                settle(operation);
                row.sqlite.push(sqlite.rate(connections, self.options.lasting / TURNS));
            }
        }
        row.cells.iter_mut().for_each(|(_, cell)| cell.sort());
        row
    }

    fn run(&self, operation: &Operation, connections: usize, address: SocketAddr) -> Measured {
        settle(operation);
        self.run_for(self.options.lasting / TURNS, operation, connections, address)
    }

    fn run_for(&self, lasting: Duration, operation: &Operation, connections: usize, address: SocketAddr) -> Measured {
        let plan = Plan { address, connections, lasting, warm_up: lasting / 5 };
        self.runtime.block_on(load::measure(&plan, &operation.request, &operation.expected))
    }

    /// The same requests with the provisioning log on and off, in turns.
    fn log(&self, world: &World) -> Vec<LogCost> {
        let mut costs = Vec::new();
        let tenant = world.tenant();
        for operation in operations::of_people(world).iter().filter(|operation| operation.for_log) {
            if !operation.name.contains(&self.options.only) {
                continue;
            }
            eprintln!("{} with and without the log …", operation.name);
            // A request by itself, and a machine that has nothing left.
            let [fewest, .., most] = self.options.connections[..] else { continue };
            for connections in [fewest, most] {
                let turn = |level: &str| {
                    tenant.settings(json!({ "log": { "level": level } }));
                    let before = cpu_time(world.server.pid());
                    // Long enough for several checkpoints.
                    let run = self.run_for(self.options.lasting, operation, connections, world.server.address);
                    let used = cpu_time(world.server.pid()) - before;
                    Turn { per_second: run.per_second, cpu: used.as_secs_f64() / run.per_second }
                };
                // Each goes first as often: what one leaves to be done, such as a checkpoint, is done during the other.
                let turns = (0..LOG_TURNS).map(|number| {
                    if number % 2 == 0 {
                        let on = turn("all");
                        (on, turn("off"))
                    } else {
                        let off = turn("off");
                        (turn("all"), off)
                    }
                });
                costs.push(LogCost { operation: operation.name.clone(), connections, turns: turns.collect() });
            }
        }
        tenant.settings(json!({ "log": { "level": "all" } }));
        costs
    }
}

/// What others have written is on the disk before durable writes are measured, so that nobody waits for it in between.
fn settle(operation: &Operation) {
    if operation.writes.is_some() {
        let _ = std::process::Command::new("sync").status();
    }
}
