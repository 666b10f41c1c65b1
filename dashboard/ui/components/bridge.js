// Answers each update after one animation frame, tells when the page is hidden and that it is there, and passes keys on.
const SIGN = 1500;  // milliseconds; what a page in sight plays is computed for as long as it gives signs

const TOUCHES = ["keydown", "pointerdown", "pointermove", "wheel"];  // somebody is there
const SWITCHES = new Set(["range", "checkbox", "radio", "button"]);

const TYPING = new Set(["INPUT", "SELECT", "TEXTAREA"]);

// The outermost element of ours: of a notebook's page the rest is not ours to listen to.
const outermost = (node) => {
  const root = node.getRootNode();
  return root instanceof ShadowRoot ? outermost(root.host) : node;
};

const inDialog = (event) => event.composedPath().some((each) => each.role === "dialog");

// The library's dialogs give the focus back to a shadow's host, which cannot take it: what had it gets it again.
function refocus() {
  let last = null;
  const came = (event) => { if (!inDialog(event)) last = event.composedPath()[0]; };
  const went = (event) => {
    if (inDialog(event)) setTimeout(() => { if (document.activeElement === document.body) last?.focus(); });
  };
  const listen = [["focusin", came], ["focusout", went]];
  listen.forEach(([name, act]) => document.addEventListener(name, act));
  return () => listen.forEach(([name, act]) => document.removeEventListener(name, act));
}

// Bokeh lays the whole page out anew for each figure that arrives; those of one message need that once: soon, or when
// one of them has to be placed.
function gather(root) {
  const [lay, place] = [root.invalidate_layout.bind(root), root.compute_layout.bind(root)];
  let asked = null;
  const now = () => {
    clearTimeout(asked);
    asked = null;
    if (!root.is_destroyed) lay();
  };
  root.invalidate_layout = () => { asked ??= setTimeout(now); };
  root.compute_layout = () => asked === null ? place() : now();
}

export function render({ model, view, el }) {
  gather(view.root);
  const forgetFocus = refocus();
  const forget = model.alone ? rememberTheme(view.root.model.data) : () => {};
  if (model.alone) comeBack(view.root.model.document, model);
  const begun = model.tick;
  const home = () => model.alone ? document : outermost(el);
  const live = document.createElement("div");
  live.setAttribute("aria-live", "polite");
  live.className = "unseen";
  live.textContent = model.announcement;

  const answer = () => requestAnimationFrame(() => model.send_msg({ ack: model.tick }));
  let touched = performance.now();
  const touch = () => { touched = performance.now(); };
  const visibility = () => model.send_msg({ hidden: document.hidden, idle: Math.round((performance.now() - touched) / 1000) });
  const away = () => model.send_msg({ hidden: true, gone: true });
  const sign = setInterval(visibility, SIGN);
  const key = (event) => {
    const target = event.composedPath()[0];
    if (!event.composedPath().includes(home())) return;
    if (inDialog(event) && !["Escape", "?"].includes(event.key)) return;
    const short = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const ctrl = event.ctrlKey || event.metaKey;
    const name = ctrl ? `Ctrl+${event.shiftKey ? "Shift+" : ""}${short}` : short;
    if (!model.keys.includes(name) || event.altKey) return;
    if (ctrl) {
      const typed = target.tagName === "TEXTAREA" || (target.tagName === "INPUT" && !SWITCHES.has(target.type));
      // What is being typed is undone by the field itself; once it was sent, by us.
      if ((typed && !("sent" in target.dataset)) || target.isContentEditable) return;
      event.preventDefault();
      return model.send_msg({ key: name });
    }
    const arrow = event.key.startsWith("Arrow");
    const moves = arrow || event.key === "Home" || event.key === "End";
    const slides = target.type === "range" && !moves;  // a slider needs only what moves it
    if ((TYPING.has(target.tagName) && !slides) || target.isContentEditable) return;
    if (event.key === " " && target.tagName === "BUTTON") return;
    if (event.key === " " || moves) event.preventDefault();
    model.send_msg({ key: event.key, big: event.shiftKey });
  };
  const write = (token, push) => {
    const url = new URL(location.href);
    for (const told of ["preset", "hide", "lesson"]) url.searchParams.delete(told);  // the token holds what they said
    url.searchParams.set("s", token);
    history[push ? "pushState" : "replaceState"](null, "", url);
    return url.href;
  };
  const copy = async (token) => {
    if (!model.alone) return navigator.clipboard?.writeText(token);
    const address = write(token, false);
    try { await navigator.clipboard.writeText(address); } catch { /* it stands in the address bar */ }
  };
  const obey = ({ copy: token, address, push, reload }) => {
    if (token) copy(token);
    if (address) write(address, push);
    if (reload) location.reload();
  };
  const visit = () => model.send_msg({ visit: Object.fromEntries(new URL(location.href).searchParams) });

  model.on("tick", answer);
  model.on("announcement", () => { live.textContent = model.announcement; });
  model.on("msg:custom", (event) => obey(event.data ?? event));
  if (model.alone) window.addEventListener("popstate", visit);
  document.addEventListener("visibilitychange", visibility);
  window.addEventListener("pagehide", away);
  document.addEventListener("keydown", key);
  for (const name of TOUCHES) document.addEventListener(name, touch, { capture: true, passive: true });
  model.on("remove", () => {
    clearInterval(hello);
    clearInterval(sign);
    document.removeEventListener("visibilitychange", visibility);
    window.removeEventListener("pagehide", away);
    window.removeEventListener("popstate", visit);
    forget();
    forgetFocus();
    document.removeEventListener("keydown", key);
    for (const name of TOUCHES) document.removeEventListener(name, touch, { capture: true });
  });
  // In a notebook the first answers are lost: the way back opens after the page does.
  const hello = setInterval(() => model.tick > begun ? clearInterval(hello) : (answer(), visibility()), 300);
  answer();
  visibility();
  if (!model.alone) requestAnimationFrame(() => home().setAttribute("data-lm-suppress-shortcuts", "true"));
  return live;
}
