//! Reading a whole journal once, in order, and judging its tail. Writes nothing.

use crate::disk::Disk;
use crate::journal::batch::BatchHeader;
use crate::journal::block::{self, Block, MARK_FIRST};
use crate::journal::reader::{Found, SegmentReader};
use crate::journal::recovery::{Cut, Replay, Start};
use crate::journal::segment::{self, SegmentHeader};
use crate::journal::segments::Segment;
use crate::journal::writer::End;
use crate::journal::{JournalError, Seq};

/// What stands in a journal.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Which journal; `None` for an empty disk.
    pub(super) journal: Option<u128>,
    /// Its segments, oldest first.
    pub(super) segments: Vec<Segment>,
    /// The header of the newest.
    pub(super) newest: Option<SegmentHeader>,
    /// A file behind the newest segment whose header was never written.
    pub(super) unbegun: Option<u32>,
    /// Where the journal goes on.
    pub(super) end: End,
    /// The block of the newest segment up to which the journal itself proves that it was synced. What stands from
    /// there to the end is whole, but perhaps only in the system's cache.
    pub(super) proven: u32,
    /// The block behind the last batch that has entries: notes behind it are not synced on their own.
    entries_end: u32,
    /// Entries given to the caller.
    pub(super) replayed: u64,
    /// Where the tail was cut.
    pub(super) cut: Option<Cut>,
    /// Whether the last batch says that nothing is missing.
    pub(super) closed: bool,
}

/// Reads all segments from the one that holds the entry behind `start`.
pub(super) fn scan(
    disk: &dyn Disk,
    start: Start,
    boot_id: &str,
    replay: Replay<'_>,
) -> Result<Scan, JournalError> {
    let mut scan = Scan::default();
    scan.run(disk, start, None, boot_id, replay)?;
    Ok(scan)
}

impl Scan {
    /// Reads the segments below generation `limit`, if there is one; then the tail is not judged. After an error `end` is
    /// where the last good batch ended.
    pub(super) fn run(
        &mut self,
        disk: &dyn Disk,
        start: Start,
        limit: Option<u32>,
        boot_id: &str,
        replay: Replay<'_>,
    ) -> Result<(), JournalError> {
        let scan = self;
        let mut headers = headers(disk, limit, scan)?;
        if let Some(wanted) = start.journal
            && let Some((reader, _)) = headers.iter().find(|(_, header)| header.journal != wanted)
        {
            return Err(JournalError::Foreign { file: reader.name.clone() });
        }
        let wanted = start.after.next();
        let covers =
            |header: &SegmentHeader| header.first.number().saturating_sub(header.lost) <= wanted.number();
        let skipped = headers.iter().rposition(|(_, header)| covers(header));
        let Some(skipped) = skipped else {
            if headers.is_empty() && start.after == Seq::NONE {
                return Ok(());
            }
            let generation = headers.first().map_or(1, |(_, header)| header.generation.saturating_sub(1));
            let file = segment::name_of(generation);
            return Err(JournalError::Missing { file, what: "entries behind the checkpoint are not there" });
        };
        headers.drain(..skipped);
        let ends: Vec<_> =
            headers.iter().skip(1).map(|(_, header)| Some(header.clone())).chain([None]).collect();
        for ((reader, header), next) in headers.iter_mut().zip(ends) {
            scan.read_segment(reader, header, next.as_ref(), start, replay)?;
            if next.is_none() && limit.is_none() {
                scan.judge_tail(disk, reader, header.boot_id == boot_id)?;
            }
        }
        if scan.end.next <= start.after {
            let file = segment::name_of(scan.end.generation);
            return Err(JournalError::Missing { file, what: "it ends before the checkpoint does" });
        }
        Ok(())
    }
}

/// The first entry of the oldest segment.
pub(super) fn first(disk: &dyn Disk) -> Result<Seq, JournalError> {
    let mut scan = Scan::default();
    headers(disk, None, &mut scan)?;
    Ok(scan.segments.first().map_or(Seq::NONE, |segment| segment.first))
}

/// Opens every segment, oldest first, and checks that none is missing between them.
fn headers(
    disk: &dyn Disk,
    limit: Option<u32>,
    scan: &mut Scan,
) -> Result<Vec<(SegmentReader, SegmentHeader)>, JournalError> {
    let names = disk.list()?;
    let mut generations: Vec<u32> = names.iter().filter_map(|name| segment::generation_of(name)).collect();
    generations.sort_unstable();
    generations.retain(|generation| limit.is_none_or(|limit| *generation < limit));
    let newest = generations.last().copied();
    let mut headers: Vec<(SegmentReader, SegmentHeader)> = Vec::new();
    for generation in generations {
        let (reader, header) = SegmentReader::open(disk, generation)?;
        let Some(header) = header else {
            if Some(generation) == newest {
                scan.unbegun = newest;
                break;
            }
            return Err(reader.damaged(0, "the header is not there"));
        };
        if let Some((_, before)) = headers.last() {
            if before.generation != header.previous {
                let file = segment::name_of(header.previous);
                return Err(JournalError::Missing { file, what: "the segments around it are there" });
            }
            if before.journal != header.journal {
                return Err(JournalError::Foreign { file: reader.name });
            }
        }
        scan.journal = Some(header.journal);
        let SegmentHeader { first, previous_end, .. } = header;
        scan.segments.push(Segment { generation, first, previous_end });
        scan.newest = Some(header.clone());
        headers.push((reader, header));
    }
    Ok(headers)
}

impl Scan {
    /// Reads one segment to where its successor says it ends, or as far as it goes.
    fn read_segment(
        &mut self,
        reader: &mut SegmentReader,
        header: &SegmentHeader,
        next: Option<&SegmentHeader>,
        start: Start,
        replay: Replay<'_>,
    ) -> Result<(), JournalError> {
        self.end = End { generation: header.generation, place: 1, next: header.first, chain: header.chain };
        (self.proven, self.entries_end) = (0, 1);
        self.closed = false;
        self.check_chain(reader, start)?;
        let stop = next.map_or(reader.blocks(), |next| next.previous_end);
        while self.end.place < stop {
            let place = self.end.place;
            match reader.batch(place)? {
                Found::Batch { header, end, closed } => {
                    self.take_batch(reader, header, end, start, replay)?;
                    self.closed = closed;
                }
                Found::Damaged { place, what } => return Err(reader.damaged(place, what)),
                Found::Unwritten { .. } | Found::Full if next.is_none() => break,
                Found::Unwritten { place } => {
                    return Err(reader.damaged(place, "an entry that was synced is not there"));
                }
                Found::Full => break,
            }
        }
        match next {
            Some(next)
                if self.end.place != stop
                    || self.end.next.plus(next.lost) != next.first
                    || self.end.chain != next.chain =>
            {
                Err(reader.damaged(self.end.place, "the next segment does not continue this one"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn take_batch(
        &mut self,
        reader: &SegmentReader,
        header: BatchHeader,
        end: u32,
        start: Start,
        replay: Replay<'_>,
    ) -> Result<(), JournalError> {
        let place = self.end.place;
        let chain = header.chain_over(self.end.chain, reader.entry_bytes());
        if header.first != self.end.next || header.chain != chain {
            return Err(reader.damaged(place, "a batch is not the next one"));
        }
        let mut next = header.first;
        for entry in reader.entries() {
            let seq = next;
            next = seq.next();
            if seq > start.after {
                self.replayed = self.replayed.saturating_add(1);
                replay(seq, entry).map_err(|what| JournalError::Unreadable {
                    file: reader.name.clone(),
                    offset: block::offset_of(place),
                    seq,
                    what,
                })?;
            }
        }
        if header.synced.next() >= header.first {
            self.proven = self.entries_end;
        }
        if header.count > 0 {
            self.entries_end = end;
        }
        self.end = End { place: end, next: header.last().next(), chain, ..self.end };
        self.check_chain(reader, start)
    }

    /// Compares with the checkpoint's running checksum where the journal passes its entry.
    fn check_chain(&self, reader: &SegmentReader, start: Start) -> Result<(), JournalError> {
        let there = start.journal.is_some() && self.end.next == start.after.next();
        if there && self.end.chain != start.chain {
            return Err(JournalError::Foreign { file: reader.name.clone() });
        }
        Ok(())
    }

    /// Decides, by the rule of the tail, whether what follows the newest segment's last whole batch may be cut off.
    fn judge_tail(
        &mut self,
        disk: &dyn Disk,
        reader: &mut SegmentReader,
        same_boot: bool,
    ) -> Result<(), JournalError> {
        let end = self.end.place;
        let mut torn = false;
        for place in end..reader.blocks() {
            torn |= self.judge_block(reader, place, same_boot)?;
        }
        if torn {
            self.cut = Some(Cut { file: reader.name.clone(), offset: block::offset_of(end) });
        }
        if let Some(generation) = self.unbegun {
            let (mut unbegun, _) = SegmentReader::open(disk, generation)?;
            for place in 1..unbegun.blocks() {
                if let Block::Written { .. } = unbegun.block(place)? {
                    return Err(unbegun.damaged(0, "the header is not there, but a batch is"));
                }
            }
        }
        Ok(())
    }

    /// Whether a block behind the end was written; an error when it proves that an entry before it was lost.
    fn judge_block(
        &self,
        reader: &mut SegmentReader,
        place: u32,
        same_boot: bool,
    ) -> Result<bool, JournalError> {
        let lost = "an entry that was acknowledged is not there";
        let (marks, header) = match reader.block(place)? {
            Block::Unwritten | Block::Damaged(_) => return Ok(false),
            Block::Written { marks, data } => (marks, BatchHeader::decode(data)),
        };
        let starts = marks & MARK_FIRST != 0 && place > self.end.place;
        if starts && (same_boot || header.is_none_or(|(header, _)| header.synced >= self.end.next)) {
            return Err(reader.damaged(self.end.place, lost));
        }
        Ok(true)
    }
}
