// Has a page that lost its connection come back to what it had open, by a ticket that no address and no log ever holds.
const TICKET = "dynascope_ticket";
const BACK = "back";  // says in the address that there is a ticket, until the page is shown
const AGAIN = 1500;  // milliseconds between two questions to a server that does not answer

const GONE = "The connection was lost, and the server does not have what you see any more: it keeps that for 90 seconds. " +
  "Trying again opens it from its link, from the start.";

function comeBack(page, model) {
  const address = () => new URL(location.href);
  const kept = async () => {
    try {
      const answer = await fetch("./kept", { headers: { "Dynascope-Ticket": model.ticket }, cache: "no-store" });
      if (answer.ok) return (await answer.json()).kept;
      return answer.status === 404 ? false : null;  // a proxy answers for a server that is not back yet
    } catch { return null; }
  };
  const ask = async () => {
    const found = await kept();
    if (found === null) return setTimeout(ask, AGAIN);
    if (!found) return document.querySelector("#lost span").textContent = GONE;
    sessionStorage.setItem(TICKET, model.ticket);
    const back = address();
    back.searchParams.set(BACK, "1");
    location.replace(back);
  };
  const shown = () => {  // the ticket that it was shown with has taken the place of the other
    sessionStorage.removeItem(TICKET);
    const there = address();
    there.searchParams.delete(BACK);
    if (there.href !== location.href) history.replaceState(history.state, "", there);
  };
  page.on_event("connection_lost", () => { if (model.ticket) ask(); });
  model.on("ticket", shown);
  if (address().searchParams.has(BACK)) model.send_msg({ ticket: sessionStorage.getItem(TICKET) ?? "" });
}
