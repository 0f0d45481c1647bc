// A button copies what stands in a field. Without the permission, or a secure connection, the text is chosen at least.
async function copied(field) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const done = await copied(document.getElementById(button.dataset.copies));
  button.closest("section").querySelector("[data-copied]").textContent = done ? "Copied." : "Chosen: copy it with your keyboard.";
});
