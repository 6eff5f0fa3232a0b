import { addTexts, speak, text } from './kit/language.js';
import { TEXTS } from './texts.js';

addTexts(TEXTS);
speak(() => {
  document.title = `${text('missingTitle')} - ${text('brand')}`;
});
