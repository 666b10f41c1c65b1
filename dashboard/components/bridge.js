// Answers each batch after one animation frame, tells when the page is hidden, and passes keys on.
const KEYS = new Set([" ", "ArrowLeft", "ArrowRight", "r", "R", "?", "Escape"]);
const TYPING = new Set(["INPUT", "SELECT", "TEXTAREA"]);

export function render({ model, el }) {
  const live = document.createElement("div");
  live.setAttribute("aria-live", "polite");
  live.className = "unseen";
  live.textContent = model.announcement;

  const answer = () => requestAnimationFrame(() => model.send_msg({ ack: model.tick }));
  const visibility = () => model.send_msg({ hidden: document.hidden });
  const away = () => model.send_msg({ hidden: true });
  const key = (event) => {
    const target = event.composedPath()[0];
    if (!KEYS.has(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = event.key.startsWith("Arrow");
    const slides = target.type === "range" && !arrow;  // a slider needs the arrows only
    if ((TYPING.has(target.tagName) && !slides) || target.isContentEditable) return;
    if (event.key === " " && target.tagName === "BUTTON") return;
    if (event.key === " " || arrow) event.preventDefault();
    model.send_msg({ key: event.key, big: event.shiftKey });
  };
  const copy = async ({ copy: token }) => {
    const url = new URL(location.href);
    for (const told of ["preset", "hide", "lesson"]) url.searchParams.delete(told);  // the token holds what they said
    url.searchParams.set("s", token);
    history.replaceState(null, "", url);
    try { await navigator.clipboard.writeText(url.href); } catch { /* it stands in the address bar */ }
  };

  model.on("tick", answer);
  model.on("announcement", () => { live.textContent = model.announcement; });
  model.on("msg:custom", (event) => copy(event.data ?? event));
  document.addEventListener("visibilitychange", visibility);
  window.addEventListener("pagehide", away);
  document.addEventListener("keydown", key);
  model.on("remove", () => {
    document.removeEventListener("visibilitychange", visibility);
    window.removeEventListener("pagehide", away);
    document.removeEventListener("keydown", key);
  });
  answer();
  visibility();
  return live;
}
