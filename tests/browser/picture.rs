//! Pictures for the documentation, small enough to be kept with it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::Cursor;

use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Filter};

/// What a picture may weigh.
const LIMIT: usize = 60 * 1024;

/// So many colours are enough for words on paper.
const COLOURS: usize = 40;

/// The same picture with the colours that it has most of; each other one is the nearest of these.
pub(super) fn small(picture: &[u8]) -> Vec<u8> {
    let mut reader = Decoder::new(Cursor::new(picture)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(
        (info.color_type, info.bit_depth),
        (ColorType::Rgb, BitDepth::Eight)
    );
    let mut counts: HashMap<&[u8], usize> = HashMap::new();
    for pixel in pixels.chunks_exact(3) {
        *counts.entry(pixel).or_default() += 1;
    }
    let mut colours: Vec<_> = counts.keys().copied().collect();
    colours.sort_by_key(|colour| (Reverse(counts[colour]), *colour));
    let palette: Vec<_> = colours.iter().copied().take(COLOURS).collect();
    let places: HashMap<_, _> = colours
        .into_iter()
        .map(|colour| (colour, nearest(&palette, colour)))
        .collect();
    let indices: Vec<_> = pixels.chunks_exact(3).map(|pixel| places[pixel]).collect();
    let small = encoded(info.width, info.height, palette.concat(), &indices);
    assert!(small.len() < LIMIT, "a picture of {} bytes", small.len());
    small
}

fn nearest(palette: &[&[u8]], colour: &[u8]) -> u8 {
    let distance = |other: &[u8]| -> u32 {
        let channels = other.iter().zip(colour);
        channels
            .map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2))
            .sum()
    };
    let places = 0..palette.len();
    let place = places
        .min_by_key(|place| distance(palette[*place]))
        .unwrap();
    u8::try_from(place).unwrap()
}

fn encoded(width: u32, height: u32, palette: Vec<u8>, indices: &[u8]) -> Vec<u8> {
    let mut small = Vec::new();
    let mut encoder = Encoder::new(&mut small, width, height);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(palette);
    encoder.set_compression(Compression::High);
    // Places in a palette are no quantities that could be near each other.
    encoder.set_filter(Filter::NoFilter);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(indices).unwrap();
    writer.finish().unwrap();
    small
}
