// What a reader has done of lessons, kept in this browser alone:
// { lesson: { title, at, count, finished, answers: { page: { question, choice, right, time } } } }
const PROGRESS = "dynascope.lessons";

const progress = () => {
  try { return JSON.parse(localStorage.getItem(PROGRESS)) ?? {}; } catch { return {}; }
};

// Change what is known of one lesson; null forgets it.
const keep = (name, change) => {
  const all = progress();
  if (change === null) delete all[name];
  else all[name] = { answers: {}, ...all[name], ...change };
  try { localStorage.setItem(PROGRESS, JSON.stringify(all)); } catch { /* not kept where the browser keeps nothing */ }
};

const answered = () => Object.values(progress()).some((each) => Object.keys(each.answers ?? {}).length);

// All answers as a table, a line each, as spreadsheets and pandas read it.
const save_answers = () => {
  const cell = (value) => `"${String(value ?? "").replaceAll('"', '""')}"`;
  const lines = [["lesson", "page", "question", "answer", "right", "time"]];
  for (const [name, { answers }] of Object.entries(progress()))
    for (const [page, each] of Object.entries(answers ?? {}))
      lines.push([name, Number(page) + 1, each.question, each.choice, each.right ? "yes" : "no", each.time]);
  const link = document.createElement("a");
  const text = lines.map((line) => line.map(cell).join(",")).join("\r\n") + "\r\n";
  link.href = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
  link.download = "dynascope-answers.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
};
