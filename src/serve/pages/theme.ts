/** Colours of charts, as the pages' scripts get them: those of the reports. */
import { CATEGORY_COLORS, chartConfig, DARK_OF, INK, PAGE_FONT } from '../../report/theme.js';

export interface ThemeData {
  readonly config: object;
  /** Light colour to dark colour. */
  readonly darkOf: Readonly<Record<string, string>>;
  /** Colours of series. */
  readonly colors: readonly string[];
}

export function themeData(): ThemeData {
  const config = chartConfig(PAGE_FONT);
  return {
    config: { ...config, background: 'transparent', legend: { ...config.legend, titleColor: INK.text } },
    darkOf: DARK_OF,
    colors: CATEGORY_COLORS,
  };
}
