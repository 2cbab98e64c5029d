/** The list of runs: filters apply when they are chosen, and the button to compare says how many runs are. */
import { byId } from './dom.js';

/** As many as the server compares. */
const COMPARED = 12;

const filters = document.querySelector<HTMLFormElement>('form.filters');
filters?.addEventListener('change', (event) => {
  if (event.target instanceof HTMLSelectElement) filters.requestSubmit();
});
filters?.addEventListener('formdata', (event) => {
  // Addresses without empty parameters can be read and shared.
  for (const [name, value] of [...event.formData]) if (value === '') event.formData.delete(name);
});

const form = document.querySelector<HTMLFormElement>('#compare');
if (form !== null) {
  const boxes = [...form.querySelectorAll<HTMLInputElement>('input[name="run"]')];
  const button = form.querySelector('button')!;
  const show = (): void => {
    const chosen = boxes.filter((box) => box.checked).length;
    button.disabled = chosen === 0 || chosen > COMPARED;
    byId('chosen').textContent =
      chosen === 0 ? `up to ${COMPARED}` : `${chosen} of at most ${COMPARED} chosen`;
  };
  form.addEventListener('change', show);
  show();
}
document.documentElement.dataset['ready'] = 'true';
