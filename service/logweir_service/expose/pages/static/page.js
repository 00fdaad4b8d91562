// What every page gains with JavaScript: "/" focuses the search box, buttons copy. Nothing needs it.

const announce = (text) => {
  document.querySelector("[data-announce]").textContent = text;
};

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const box = document.querySelector("[data-search]");
  if (!box) return;
  event.preventDefault();
  box.focus();
  box.select();
});

const copied = async (button) => {
  const source = button.dataset.copyFrom
    ? document.getElementById(button.dataset.copyFrom).textContent
    : button.dataset.copy;
  try {
    await navigator.clipboard.writeText(source);
  } catch {
    // Clipboards are closed to pages that come over plain HTTP from another machine.
    const area = document.createElement("textarea");
    area.value = source;
    area.className = "unseen";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    button.focus();
    if (!done) return announce("The browser did not allow copying: select the text instead");
  }
  button.classList.add("done");
  announce("Copied");
  setTimeout(() => button.classList.remove("done"), 1500);
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy], button[data-copy-from]");
  if (button) copied(button);
});

for (const each of document.querySelectorAll("[data-needs-script]")) each.hidden = false;
