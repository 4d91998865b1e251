import { Application, LogLevel, TypeDocReader } from 'typedoc';
import { expect, it } from 'vitest';
import { root } from './blocks.js';

it('every export is documented, without a warning from typedoc', async () => {
  const app = await Application.bootstrapWithPlugins({ options: root, emit: 'none' }, [new TypeDocReader()]);
  const complaints: string[] = [];
  app.logger.log = (message, level) => {
    if (level >= LogLevel.Warn) complaints.push(message);
  };
  const project = (await app.convert())!;
  app.validate(project);
  expect(complaints).toEqual([]);
  expect(Object.keys(project.reflections).length).toBeGreaterThan(500);
});
