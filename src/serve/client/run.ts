/** A run's page: its curves, and text that its model writes. */
import './curves.js';
import { byId, create, typedById } from './dom.js';

interface Texts {
  readonly prompt: string;
  readonly texts: readonly string[];
}

const form = document.getElementById('sample');

async function sample(runKey: string): Promise<void> {
  const place = byId('texts');
  const button = form!.querySelector('button')!;
  button.disabled = true;
  place.textContent = 'Writing …';
  try {
    const response = await fetch('/api/sample', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        runKey,
        prompt: typedById('prompt', HTMLInputElement).value,
        temperature: typedById('temperature', HTMLInputElement).valueAsNumber,
        seed: typedById('sample-seed', HTMLInputElement).valueAsNumber,
      }),
    });
    if (!response.ok) throw new Error(((await response.json()) as { error: string }).error);
    const { prompt, texts } = (await response.json()) as Texts;
    place.replaceChildren(
      ...texts.map((text) =>
        create('blockquote', {}, [
          create('span', { className: 'light', text: prompt }),
          document.createTextNode(text),
        ]),
      ),
    );
  } catch (error) {
    place.textContent = error instanceof Error ? error.message : String(error);
  } finally {
    button.disabled = false;
  }
}

form?.addEventListener('submit', (event) => {
  event.preventDefault();
  void sample(form.dataset['run'] ?? '');
});
