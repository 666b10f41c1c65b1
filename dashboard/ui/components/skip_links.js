// Links to the parts of the page: on a wide one shown to the keyboard alone, on a narrow one always.
const seek = (root, name) => root.querySelector(`.${name}`)
  ?? [...root.querySelectorAll("*")].reduce((found, each) => found ?? (each.shadowRoot && seek(each.shadowRoot, name)), null);

export function render({ model, el }) {
  const root = make("nav", "links");
  root.setAttribute("aria-label", "parts of this page");
  model.columns.forEach(([name, text]) => {
    make("button", "", root, text).addEventListener("click", () => {
      const target = seek(el.getRootNode().host.getRootNode(), name);
      target.tabIndex = -1;
      target.focus({ preventScroll: true });
      target.scrollIntoView({ block: "start" });
    });
  });
  return root;
}
