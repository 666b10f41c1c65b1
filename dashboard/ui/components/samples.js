// How the lines and points of a legend look, by their names.
const DASHES = { solid: "", dashed: "6 4", dotted: "2 3", dotdash: "7 3 2 3" };
const MARKS = { dot: `<circle cx="5" cy="4" r="3.6" fill="currentColor"/>`, ring: `<circle cx="5" cy="4" r="3" fill="none" stroke-width="1.8"/>`,
  circle: `<circle cx="5" cy="4" r="3.6" fill="currentColor"/>`, triangle: `<path d="M5 .4 8.6 7.4H1.4z" fill="currentColor"/>`,
  square: `<rect x="1.8" y=".8" width="6.4" height="6.4" fill="currentColor"/>`, diamond: `<path d="M5 0 8 4 5 8 2 4z" fill="currentColor"/>`,
  inverted_triangle: `<path d="M5 7.6 8.6.6H1.4z" fill="currentColor"/>`, hex: `<path d="M1.9 2.2v3.6L5 7.6l3.1-1.8V2.2L5 .4z" fill="currentColor"/>`,
  star: `<path d="M5 .2l1.1 2.5h2.7L6.7 4.4l.8 2.9L5 5.6 2.5 7.3l.8-2.9L1.2 2.7h2.7z" fill="currentColor"/>`,
  plus: `<path d="M5 .8v6.4M1.8 4h6.4" stroke-width="1.8"/>`, cross: `<path d="M2.5 1.5l5 5m0-5-5 5" stroke-width="1.8"/>`,
  asterisk: `<path d="M5 .8v6.4M1.8 4h6.4M2.7 1.7l4.6 4.6m0-4.6L2.7 6.3" stroke-width="1.3"/>` };
