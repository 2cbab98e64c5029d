/** The formats that a table can be written in; apart from what writes them, so that a command line loads quickly. */
import { tableFormats } from '../store/tableText.js';

export const fileFormats = [...tableFormats, 'parquet'] as const;
export type FileFormat = (typeof fileFormats)[number];
