/** What the first view does not need: loaded when that view is there. */
import './elements/keys-dialog.js';
import './elements/start-dialog.js';
import { JobPage } from './elements/job-page.js';

export { JobPage };
