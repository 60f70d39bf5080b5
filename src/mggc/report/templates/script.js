"use strict";

// Pictures lie in the table once; slider and dialog show the same data again.
const rowsOf = (gallery) => [...gallery.querySelectorAll("tbody tr")];
const pictureAt = (row, column) => row.querySelectorAll("img")[column];

function startSlider(gallery) {
  const slider = gallery.querySelector(".slider");
  const rows = rowsOf(gallery);
  const range = slider.querySelector("input");
  const choice = slider.querySelector("select");
  let current = 0;

  function show() {
    const left = pictureAt(rows[current], Number(gallery.dataset.left));
    const right = pictureAt(rows[current], Number(choice ? choice.value : gallery.dataset.right));
    for (const [place, picture] of [["left", left], ["right", right]]) {
      const image = slider.querySelector(`img.${place}`);
      image.src = picture.src;
      image.alt = picture.alt;
    }
    slider.querySelector(".name").textContent = `${left.dataset.name} (${current + 1} of ${rows.length})`;
    rows.forEach((row, number) => row.classList.toggle("current", number === current));
  }

  range.addEventListener("input", () => slider.style.setProperty("--at", `${range.value}%`));
  if (choice) choice.addEventListener("change", show);
  for (const button of slider.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      current = (current + Number(button.dataset.step) + rows.length) % rows.length;
      show();
    });
  }
  slider.hidden = false;
  show();
}

function startZoom(dialog) {
  const image = dialog.querySelector("img");
  const caption = dialog.querySelector("figcaption");
  let rows = [];
  let row = 0;
  let column = 0;

  function show() {
    const picture = pictureAt(rows[row], column);
    image.src = picture.src;
    image.alt = picture.alt;
    image.classList.toggle("pixels", picture.closest(".small") !== null);
    caption.textContent = `${picture.dataset.column}: ${picture.dataset.name}`;
  }

  function move(down, right) {
    const columns = rows[row].querySelectorAll("img").length;
    row = (row + down + rows.length) % rows.length;
    column = (column + right + columns) % columns;
    show();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".picture");
    if (!button) return;
    rows = rowsOf(button.closest("[data-gallery]"));
    row = rows.indexOf(button.closest("tr"));
    column = [...button.closest("tr").querySelectorAll(".picture")].indexOf(button);
    show();
    dialog.showModal();
  });
  for (const button of dialog.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => move(0, Number(button.dataset.step)));
  }
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    move(...step);
  });
}

document.querySelectorAll("[data-gallery]").forEach(startSlider);
startZoom(document.getElementById("zoom"));
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
