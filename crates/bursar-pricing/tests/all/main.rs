//! The price engine through its public interface, one story a file.

#[cfg(test)]
mod builtin;
#[cfg(test)]
mod common;
#[cfg(test)]
mod files;
#[cfg(test)]
mod imports;
#[cfg(test)]
mod oracles;
#[cfg(test)]
mod overlays;
#[cfg(test)]
mod prices;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod worst_case;
