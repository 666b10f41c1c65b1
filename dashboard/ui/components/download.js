// Puts the pieces of a file together and hands it to the browser; each piece is asked for once the one before is here.
export function render({ model, el }) {
  let pieces = [];
  model.on("msg:custom", (event) => {
    const { name, kind, index, count, piece } = event.data ?? event;
    if (index === 0) pieces = [];
    pieces.push(Uint8Array.from(atob(piece), (letter) => letter.charCodeAt(0)));
    if (index + 1 < count) return model.send_msg({ next: index + 1 });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(pieces, { type: kind }));
    link.download = name;
    link.click();
    pieces = [];
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    model.send_msg({ done: true });
  });
  return document.createElement("span");
}
