//! Meters any bytes as these formats.

#![no_main]

use bursar_core::ApiFormat;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| bursar_fuzz::meter(&[ApiFormat::AnthropicMessages], data));
