/** Names come from files of other people's making: no control character of theirs may reach a terminal. */

// eslint-disable-next-line no-control-regex -- they are what this is about
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/**
 * The text with control characters and changes of writing direction written out.
 *
 * @param newline what stands for a line's end
 */
export function showControls(text: string, newline: string): string {
  return text.replace(CONTROLS, (character) =>
    character === '\n' ? newline : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
